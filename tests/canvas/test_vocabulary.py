"""One vocabulary: consecutive blocks, text that round-trips, sets of ids, and what it refuses."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lucida.canvas.vocabulary import SPECIALS, Vocabulary, VocabularyConfig, train_bpe
from lucida.media.errors import InputError

V = Vocabulary(VocabularyConfig(image_codes=10))
MARKER = re.compile(r"<(?:0|[1-9][0-9]*)>")


@given(st.integers(1, 100), st.integers(1, 50), st.integers(1, 50), st.integers(0, 50))
def test_blocks_are_consecutive(regions: int, coordinates: int, times: int, codes: int) -> None:
    config = VocabularyConfig(regions=regions, coordinates=coordinates, times=times, image_codes=codes)
    v, at = Vocabulary(config), 0
    for name, size in v.sizes.items():
        assert v.offset[name] == at
        at += size
    assert len(v) == v.size == at == 4096 + len(SPECIALS) + regions + coordinates + times + codes
    assert len(set(SPECIALS)) == len(SPECIALS) == 64  # reserved names keep later ids where they are


@given(st.text())
@example("a\u0301 — 漢字 🦊 \x00 ’")
@example("<007> ? <1a> <>")
@settings(max_examples=100)
def test_text_round_trips(text: str) -> None:
    """Any Unicode text without markers, but for white space at its ends."""
    if MARKER.search(text):
        text = MARKER.sub("", text)
    ids = V.encode(text)
    assert all(0 <= i < 4096 for i in ids)
    assert V.decode(ids) == text.strip()


@given(st.lists(st.one_of(st.text(st.characters(codec="utf-8", exclude_characters="<>")), st.integers(1, 64))))
def test_markers_round_trip(parts: list[str | int]) -> None:
    """Region markers stay markers, and what was decoded once is decoded the same way again."""
    text = " ".join(f"<{p}>" if isinstance(p, int) else p for p in parts)
    ids = V.encode(text)
    assert [i - V.offset["region"] + 1 for i in ids if i >= 4096] == [p for p in parts if isinstance(p, int)]
    once = V.decode(ids)
    assert V.decode(V.encode(once)) == once
    assert "".join(once.split()) == "".join(text.split())


def test_sentences_read_as_written() -> None:
    for text in ("left of <2>", "is <1> above <12>?", "<1>, <2>: both", "a red fox."):
        assert V.decode(V.encode(text)) == text
    assert V.encode("fox") == V.encode("  fox ") == V.encode("a fox")[1:]  # words know no first place


def test_decoding_stops_at_the_end_and_skips_specials() -> None:
    ids = [*V.encode("a fox"), V.special("style1"), V.mask, *V.encode("runs"), V.end, *V.encode("never")]
    assert V.decode(ids) == "a fox runs"
    assert V.decode([]) == V.decode([V.end, 5]) == ""


def test_bins() -> None:
    at = V.offset["coordinate"]
    assert [V.coordinate(x) - at for x in (0.0, 0.0009, 0.001, 0.5, 0.9999, 1.0)] == [0, 0, 1, 500, 999, 999]
    assert [V.time(x) - V.offset["time"] for x in (0.0, 1.0)] == [0, 999]
    assert [V.hint(p) for p in (0.0, 0.55, 1.0)] == [V.special(f"hint{i}") for i in (0, 5, 9)]
    assert V.region(1) == V.offset["region"] and V.image_code(9) == len(V) - 1


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: V.region(0), "<0>"),
        (lambda: V.region(65), "<65>"),
        (lambda: V.image_code(10), "10"),
        (lambda: V.coordinate(1.01), "1.01"),
        (lambda: V.coordinate(float("nan")), "nan"),
        (lambda: V.time(-0.1), "-0.1"),
        (lambda: V.encode("what is <65>?"), "<65>"),
        (lambda: V.encode("what is <0>?"), "<0>"),
        (lambda: V.encode("half \ud800 a pair"), "not Unicode"),
    ],
)
def test_errors_name_the_value(call, named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)):
        call()


def test_allowed() -> None:
    assert V.allowed("region+end").tolist() == sorted([V.end, *range(V.region(1), V.region(64) + 1)])
    assert V.allowed("end+end").tolist() == [V.end]
    assert len(V.allowed("text+image+end")) == 4096 + 10 + 1
    everything = V.allowed("text+special+region+coordinate+time+image").tolist()
    assert everything == [i for i in range(len(V)) if i != V.mask]
    for wrong in ("mask", "words", "", "text+"):
        with pytest.raises(ValueError):
            V.allowed(wrong)
    with pytest.raises(ValueError, match="image"):
        Vocabulary().allowed("image")
    with pytest.raises(ValueError, match="no special token 'maks'"):
        V.special("maks")


def test_tokens_are_readable() -> None:
    assert [V.token(i) for i in (V.mask, V.end, V.region(3), V.coordinate(0.5), V.time(0), V.image_code(2))] == [
        "[mask]", "[end]", "<3>", "[coordinate 500]", "[time 0]", "[image 2]",
    ]  # fmt: skip
    assert V.token(V.encode("fox")[0])


def test_another_table(tmp_path) -> None:
    """A learned table is a file like the shipped one, and a block too small for it is refused."""
    path = tmp_path / "tiny.json"
    train_bpe(["a red fox", "a blue fox"] * 3, 270, path)
    v = Vocabulary(VocabularyConfig(bpe=str(path), text=270))
    assert v.decode(v.encode("a fox 漢")) == "a fox 漢" and v.mask == 270
    with pytest.raises(ValueError, match="text block 200"):
        Vocabulary(VocabularyConfig(bpe=str(path), text=200)).encode("fox")
