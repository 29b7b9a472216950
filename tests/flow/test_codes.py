"""Class codes: published distances, round trips, unknown pixels, bad labels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lucida.flow.codes import (
    CodeConfig,
    code_scores,
    decode_codes,
    encode_labels,
    make_codes,
    separation,
    squared_distances,
)
from lucida.media.errors import InputError

kinds = st.sampled_from(["kronecker", "r_d", "grid", "random"])


@pytest.mark.parametrize(
    ("kind", "classes", "width", "least", "mean"),
    [
        ("kronecker", 16, 3, 0.605, 0.726),
        ("kronecker", 64, 3, 0.288, 0.339),
        ("kronecker", 150, 3, 0.154, 0.241),
        ("kronecker", 171, 3, 0.153, 0.219),
        ("kronecker", 150, 8, 0.938, 1.06),
        ("kronecker", 150, 16, 1.55, 1.97),
        ("r_d", 150, 3, 0.226, 0.319),
        ("grid", 150, 3, 0.4, 0.4),
        ("grid", 150, 8, 2.0, 2.0),
    ],
)
def test_separation(kind: str, classes: int, width: int, least: float, mean: float) -> None:
    """Facts 06, tables 1.3 and 1.5."""
    found = separation(make_codes(CodeConfig(classes=classes, width=width, kind=kind)))
    assert found[0] == pytest.approx(least, abs=6e-3) and found[1] == pytest.approx(mean, abs=6e-3)


@given(st.integers(2, 200), st.integers(1, 16), kinds, st.sampled_from([0.1, 1.0]))
def test_codes_are_distinct_bounded_and_read_back(n: int, d: int, kind: str, scale: float) -> None:
    config = CodeConfig(classes=n, width=d, kind=kind, scale=scale)
    codes = make_codes(config)
    assert codes.shape == (n, d) and float(codes.abs().max()) <= scale * (1 + 1e-6)
    assert torch.equal(codes, make_codes(config))
    labels = torch.arange(n).view(1, n)
    coded, valid = encode_labels(labels, codes)
    assert bool(valid.all()) or n > 255
    if separation(codes)[0] > 1e-3 * scale and n <= 255:
        assert torch.equal(decode_codes(coded, codes)[0], labels)


@given(st.integers(0, 1000))
def test_a_shift_below_half_the_least_distance_keeps_the_label(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    codes = make_codes(CodeConfig(classes=64, width=3))
    labels = torch.randint(0, 64, (20,), generator=g)
    push = torch.randn(20, 3, generator=g)
    push = push / push.norm(dim=1, keepdim=True) * separation(codes)[0] * 0.49
    assert torch.equal(decode_codes(codes[labels] + push, codes)[0], labels)


def test_kronecker_beats_nearly_all_random_draws() -> None:
    own = separation(make_codes(CodeConfig(classes=64, width=3)))[0]
    draws = [
        separation(make_codes(CodeConfig(classes=64, width=3, kind="random", seed=s)))[0] for s in range(100)
    ]
    assert sum(own > other for other in draws) >= 99


def test_void_and_unknown() -> None:
    codes = make_codes(CodeConfig(classes=4, width=2, kind="grid"))
    labels = torch.tensor([[0, 255], [3, 1]], dtype=torch.uint8)
    coded, valid = encode_labels(labels, codes)
    assert valid.tolist() == [[True, False], [True, True]] and coded[0, 1].tolist() == [0, 0]
    found, distance = decode_codes(coded, codes, unknown_over=0.5)
    assert found.tolist() == [[0, 255], [3, 1]]
    assert float(distance[0, 1]) == pytest.approx(2**0.5)


def test_scores_rank_as_distances_and_a_midpoint_is_a_tie() -> None:
    codes = make_codes(CodeConfig(classes=9, width=3))
    x = torch.randn(50, 3)
    assert torch.equal(code_scores(x, codes).argmax(1), squared_distances(x, codes).argmin(1))
    exact = torch.cdist(x, codes).square()
    assert torch.allclose(squared_distances(x, codes), exact, atol=1e-4)
    middle = ((codes[0] + codes[1]) / 2)[None]
    p = code_scores(middle, codes[:2]).softmax(-1)
    assert torch.allclose(p, torch.full((1, 2), 0.5), atol=1e-4)


def test_bad_input() -> None:
    codes = make_codes(CodeConfig(classes=4, width=2))
    with pytest.raises(InputError, match="label 7 is not a class: there are 4"):
        encode_labels(torch.tensor([0, 7]), codes)
    with pytest.raises(InputError, match="classes >= 2"):
        CodeConfig(classes=1)
