"""A sure hint takes the place of the noun, in the text and among the pieces; everything else stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lucida.systems.describe.naming import (
    LIKELY,
    SURE,
    Said,
    believe_hints,
    renamed_caption,
    with_articles_of,
)
from lucida.systems.describe.samples import renamed
from lucida.world.language import STYLES_TRAIN, caption
from tests.systems.describe.test_task import task


def said(text: str, *pieces: str) -> Said:
    return text, 0.5, tuple((piece, 0.5, n + 1) for n, piece in enumerate(pieces or text.split()))


def test_text_and_pieces() -> None:
    text, sure, pieces = renamed_caption(
        said("an owl at the top", "an", "o", "wl", "at", "the", "top"), "bell tower", 0.9
    )
    assert text == "a bell tower at the top"
    assert pieces == (
        ("a", 0.5, 1),
        ("bell", 0.9, 2),
        ("tower", 0.9, 2),
        ("at", 0.5, 4),
        ("the", 0.5, 5),
        ("top", 0.5, 6),
    )
    assert sure == pytest.approx((4 * 0.5 + 2 * 0.9) / 6)


@pytest.mark.parametrize("style", STYLES_TRAIN)
def test_the_first_noun_in_every_style(small: Path, style: int) -> None:
    """What is replaced is the region's own noun, never a colour, a place or the other thing."""
    made = task(small)
    for n in range(12):
        scene = made.bank[n].scene
        for i, thing in enumerate(scene.objects):
            if thing.medium == "artwork":
                before, after = (
                    caption(renamed(scene, i, noun), i, style) for noun in (thing.noun, "submarine")
                )
                assert renamed_caption(said(before), "submarine", 0.9)[0] == after


def test_only_sure_hints_count(small: Path) -> None:
    made = task(small)
    region = made.bank[1].regions[0]
    one = said("a large owl at the top")
    for probability, expected in ((SURE, "a large cat at the top"), (SURE - 0.01, one[0])):
        hinted = replace(region, hints=(("cat", probability),))
        request = made.sampler.caption_request(made.bank[1].scene, 0, hinted, 0)
        assert believe_hints([one], [request])[0][0] == expected
    for probability, expected in ((LIKELY, "a large flower at the top"), (LIKELY - 0.01, one[0])):
        hinted = replace(region, hints=(("flower", probability),))
        request = made.sampler.caption_request(made.bank[1].scene, 0, hinted, 0)
        assert believe_hints([one], [request], ("flower",))[0][0] == expected
    for nameless in ("a large at the top", "a large at the top, left of an owl"):
        assert renamed_caption(said(nameless), "cat", 0.9)[0] == nameless


def test_pieces_get_the_text_s_articles() -> None:
    pieces = tuple((word, 0.5, n) for n, word in enumerate("a orange fox , above an red cup".split()))
    agreed = with_articles_of("an orange fox, above a red cup", pieces)
    assert [word for word, _, _ in agreed] == "an orange fox , above a red cup".split()
    inside = (("ban", 0.5, 1), ("a", 0.5, 1), ("a", 0.5, 1), ("egg", 0.5, 1))
    assert with_articles_of("bana an egg", inside) == inside  # which of the two is the article is not known
