"""Absorbing corruption: levels, masks, weights, and that the weighting "bound" estimates the bound."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.canvas.corruption import (
    CorruptionConfig,
    causal_loss,
    conclusion_mask,
    corrupt,
    diffusion_loss,
    noise_levels,
    suffix_mask,
    surprise_weight,
    tail_weight,
)  # fmt: skip

MASK, END = 99, 7


@given(st.integers(1, 200), st.integers(0, 1000), st.sampled_from([0.4, 1.0, 2.0]))
def test_levels_cover_the_range(rows: int, seed: int, power: float) -> None:
    """One level in each of ``rows`` equal strata, whatever the order."""
    levels = noise_levels(rows, CorruptionConfig(power=power), torch.Generator().manual_seed(seed))
    assert levels.shape == (rows,) and bool((levels > 0).all()) and bool((levels <= 1).all())
    u = levels.double().pow(1 / power).sort().values * rows
    number = torch.arange(rows)
    assert bool((u >= number - 1e-3).all()) and bool((u <= number + 1 + 1e-3).all())


def test_some_rows_are_masked_whole() -> None:
    levels = noise_levels(2000, CorruptionConfig(all_masked=0.3), torch.Generator().manual_seed(0))
    assert abs(float((levels == 1).float().mean()) - 0.3) < 0.05
    assert float(noise_levels(9, CorruptionConfig(all_masked=1.0), torch.Generator()).min()) == 1


@given(st.integers(1, 12), st.integers(0, 1000), st.booleans())
def test_masks(slots: int, seed: int, at_least_one: bool) -> None:
    """Only valid slots are masked, at least one where asked for, and nothing else changes."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 50, (2, 3, slots), generator=g)
    valid = torch.rand(2, 3, slots, generator=g) < 0.7
    levels, u = torch.rand(2, 3, generator=g), torch.rand(2, 3, slots, generator=g)
    noisy, masked = corrupt(ids, valid, levels, u, MASK, at_least_one=at_least_one)
    assert not (masked & ~valid).any()
    assert torch.equal(noisy, torch.where(masked, MASK, ids))
    drawn = (u < levels[..., None]) & valid
    assert not (drawn & ~masked).any()
    forced = masked & ~drawn
    if at_least_one:
        assert torch.equal(masked.any(dim=-1), valid.any(dim=-1))
        assert bool((forced.sum(dim=-1) == (valid.any(dim=-1) & ~drawn.any(dim=-1))).all())
    else:
        assert not forced.any()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 1.0])
def test_the_masked_share_is_the_level(level: float) -> None:
    g = torch.Generator().manual_seed(1)
    n = 40_000
    ids = torch.zeros(n // 40, 40, dtype=torch.long)
    u = torch.rand(ids.shape, generator=g)
    _, masked = corrupt(ids, ids == 0, torch.full((len(ids),), level), u, MASK)
    error = 5 * math.sqrt(level * (1 - level) / n) + 40 * (1 - level) ** 40 / 40
    assert abs(float(masked.float().mean()) - level) <= error + 1e-6


def test_tail_weight_by_hand() -> None:
    ids = torch.tensor([[1, END, END, END], [1, 2, 3, END], [END, 1, END, 2], [1, 2, 3, 4]])
    expected = [[1, 1, 0.1, 0.1], [1, 1, 1, 1], [1, 0.1, 0.1, 0.1], [1, 1, 1, 1]]
    assert torch.allclose(tail_weight(ids, END, 0.1), torch.tensor(expected))


def test_losses_by_hand() -> None:
    entropy = torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 7.0]])
    masked = torch.tensor([[True, False, True], [False, False, False]])
    weight = torch.tensor([[1.0, 1.0, 0.5], [1.0, 1.0, 1.0]])
    levels = torch.tensor([0.5, 0.2])
    mean = diffusion_loss(entropy, masked, weight, levels, CorruptionConfig())
    assert mean.tolist() == pytest.approx([(1 + 2) / 1.5, 0])
    bound = diffusion_loss(entropy, masked, weight, levels, CorruptionConfig(weighting="bound"))
    assert bound.tolist() == pytest.approx([(1 + 2) / 0.5 / 2.5, 0])
    assert causal_loss(entropy, weight).tolist() == pytest.approx([(1 + 2 + 2) / 2.5, 5])


class Model:
    """A conditional p(slot | the slots still visible) over two tokens and three slots, from a random table."""

    def __init__(self, seed: int) -> None:
        self.table = torch.rand(3, 3, 3, 3, generator=torch.Generator().manual_seed(seed)).double() * 3 - 1.5

    def entropy(self, noisy: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """(B, 3) cross-entropy of the clean ids at every slot, given the noisy ones (0, 1, or 2 for a mask)."""
        score = torch.stack([self.table[slot][tuple(noisy.T)] for slot in range(3)], dim=1)  # log odds of token 1
        return torch.nn.functional.softplus(torch.where(ids == 1, -score, score))


@given(st.integers(0, 50), st.tuples(*[st.integers(0, 1)] * 3))
@settings(max_examples=5)
def test_bound_is_an_unbiased_estimate(seed: int, text: tuple[int, ...]) -> None:
    """Against the bound itself: the sum over all orders of revealing, each with probability 1/3! (Ou et al. 2024)."""
    model, ids = Model(seed), torch.tensor([text])
    exact = 0.0
    for order in itertools.permutations(range(3)):
        noisy = torch.full((1, 3), 2)
        for slot in order:
            exact += float(model.entropy(noisy, ids)[0, slot]) / 6
            noisy[0, slot] = ids[0, slot]
    config, g, rows = CorruptionConfig(weighting="bound"), torch.Generator().manual_seed(seed), 40_000
    levels = noise_levels(rows, config, g)
    many = ids.expand(rows, 3)
    noisy, masked = corrupt(many, many >= 0, levels, torch.rand(rows, 3, generator=g), 2, at_least_one=False)
    loss = diffusion_loss(model.entropy(noisy, many), masked, torch.ones(rows, 3), levels, config).double() * 3
    error = float(loss.std()) / math.sqrt(rows)
    assert abs(float(loss.mean()) - exact) < 5 * error + 2e-3
    p_text = math.exp(-exact)  # a bound: no more than 1 over all texts
    assert 0 < p_text < 1


@pytest.mark.parametrize(
    ("settings_", "named"),
    [
        ({"power": 0.0}, "power"),
        ({"all_masked": 1.5}, "all_masked"),
        ({"tail": -1.0}, "tail"),
        ({"suffix_power": 0.0}, "suffix_power"),
        ({"concluded": 1.5}, "concluded"),
        ({"weighting": "bound", "concluded": 0.1}, "bound"),
        ({"weighting": "bound", "power": 0.5}, "bound"),
        ({"weighting": "bound", "all_masked": 0.1}, "bound"),
    ],
)
def test_settings_that_cannot_be(settings_, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        CorruptionConfig(**settings_)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any), st.floats(0, 2))
def test_surprise_weight(counts: list[int], power: float) -> None:
    """Rarer ids weigh more; the mean over what was counted is 1; power 0 weighs all alike."""
    found = surprise_weight(torch.tensor(counts, dtype=torch.float), power)
    assert float((found * torch.tensor(counts)).sum()) == pytest.approx(sum(counts), rel=1e-4)
    order = sorted(range(len(counts)), key=lambda i: counts[i])
    assert all(found[a] >= found[b] - 1e-6 for a, b in itertools.pairwise(order))
    if power == 0:
        assert torch.allclose(found, torch.ones(len(counts)))


def test_a_suffix_reaches_from_a_slot_of_the_answer_to_the_end() -> None:
    ids = torch.tensor([[1, 2, 3, END, END, END]]).repeat(4, 1)
    valid = torch.ones_like(ids, dtype=torch.bool)
    valid[3, 2:] = False  # a row that was cut short, its end token and all
    masks = suffix_mask(ids, valid, END, torch.tensor([0.0, 0.5, 0.99, 0.99]))
    assert masks.tolist() == [
        [True] * 6, [False] * 2 + [True] * 4, [False] * 3 + [True] * 3, [False, True] + [False] * 4,
    ]  # fmt: skip


def test_a_conclusion_is_what_stands_behind_its_reason() -> None:
    so = 9
    ids = torch.tensor([[1, so, 2, END], [1, 2, END, END], [so, 1, so, 2]])
    valid = torch.ones_like(ids, dtype=torch.bool)
    valid[2, 3] = False
    assert conclusion_mask(ids, valid, so).tolist() == [
        [False, False, True, True], [False] * 4, [False, True, True, False],
    ]  # fmt: skip


def test_the_bound_refuses_suffixes() -> None:
    with pytest.raises(ValueError, match="suffix 0"):
        CorruptionConfig(weighting="bound", suffix=0.5)
