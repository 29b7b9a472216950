"""Selection: exactly n distinct frames whatever the scores, and the limits in which the rules coincide."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucida.media.errors import InputError
from lucida.watch.select import (
    BY_SCORE,
    TierConfig,
    aks,
    content_changes,
    cuts,
    inverse,
    qframe,
    scene,
    top,
    uniform,
)
from lucida.watch.select.scene import apportioned
from lucida.watch.select.uniform import uniform as bin_middles

ANY_SCORES = hnp.arrays(
    np.float64, st.integers(1, 80), elements=st.floats(allow_nan=True, allow_infinity=True)
)


def exact(picked: np.ndarray, count: int, n: int) -> None:
    assert len(picked) == min(n, count)
    assert (np.diff(picked) > 0).all()
    assert picked[0] >= 0 and picked[-1] < count


@given(ANY_SCORES, st.integers(1, 100), st.sampled_from(sorted(BY_SCORE)))
def test_exactly_n_distinct_ascending_frames_for_any_scores(scores, n, name) -> None:
    exact(BY_SCORE[name](scores, n), len(scores), n)


@given(st.integers(1, 200), st.integers(1, 250))
def test_uniform_takes_the_middles_of_equal_bins(count, n) -> None:
    picked = uniform(count, n)
    exact(picked, count, n)
    middles = (np.arange(len(picked)) + 0.5) * count / len(picked)
    assert (picked <= middles + 1e-9).all() and (middles < picked + 1 + 1e-9).all()
    assert picked[0] == count - 1 - picked[-1] or abs(picked[0] - (count - 1 - picked[-1])) <= 1


@pytest.mark.parametrize("scores", [np.zeros(60), np.full(60, np.nan), np.eye(1, 60, 17)[0]])
@pytest.mark.parametrize("n", [1, 8, 16, 20, 32, 60])
def test_the_shapes_on_which_released_code_fails(scores, n) -> None:
    for rule in (aks, inverse):
        exact(rule(scores, n), 60, n)
    if np.nan_to_num(scores).any():
        assert 17 in inverse(scores, n) and 17 in aks(scores, n)


@given(st.integers(1, 90), st.integers(1, 90))
def test_flat_scores_make_inverse_uniform(count, n) -> None:
    assert (np.abs(inverse(np.full(count, 0.3), n) - bin_middles(count, n)) <= 1).all()


@given(st.permutations(list(range(40))), st.integers(1, 40))
def test_large_alpha_makes_inverse_the_top(order, n) -> None:
    scores = np.array(order, dtype=float)
    np.testing.assert_array_equal(inverse(scores, n, alpha=3000.0), top(scores, n))


@given(st.permutations(list(range(40))), st.integers(1, 40))
def test_aks_goes_from_top_to_stratified_with_its_gap(order, n) -> None:
    scores = np.array(order, dtype=float)
    np.testing.assert_array_equal(aks(scores, n, gap=-1.0), top(scores, n))
    halves = aks(scores, n, gap=2.0) < 20
    assert abs(int(halves.sum()) - int((~halves).sum())) <= 1


def test_top_is_nested_in_its_budget() -> None:
    scores = np.random.default_rng(0).normal(size=50)
    sets = [set(top(scores, n).tolist()) for n in range(1, 51)]
    assert all(small < large for small, large in itertools.pairwise(sets))


def test_inverse_is_denser_where_scores_are_high() -> None:
    scores = np.where(np.arange(100) < 50, 0.1, 1.0)
    counts = [int((inverse(scores, 20, alpha=a) >= 50).sum()) for a in (0.0, 1.0, 2.0)]
    assert counts == sorted(counts) and counts[0] == 10 and counts[-1] > 15


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 60))
def test_scenes_get_one_frame_each_before_any_gets_two(lengths, n) -> None:
    starts = np.cumsum([0, *lengths[:-1]])
    picked = scene(sum(lengths), n, starts.tolist())
    exact(picked, sum(lengths), n)
    owners = np.searchsorted(starts, picked, side="right") - 1
    shares = np.bincount(owners, minlength=len(lengths))
    assert (shares > 0).sum() == min(len(lengths), n)
    assert (shares <= lengths).all()


def test_shares_follow_length() -> None:
    assert apportioned(np.array([10, 30]), 8) == [2, 6]
    assert apportioned(np.array([1, 30]), 8) == [1, 7]


def test_cuts_are_where_the_picture_changes() -> None:
    red, blue = np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 200
    changes = content_changes([red, red, red, blue, blue, blue, blue])
    assert cuts(changes) == [3]
    assert cuts(changes, shortest=4) == []
    assert content_changes([red, red]).tolist() == [0.0, 0.0]


def test_hue_is_a_circle() -> None:
    a = np.full((8, 8, 3), (200, 0, 4), np.uint8)
    b = np.full((8, 8, 3), (200, 4, 0), np.uint8)
    assert content_changes([a, b])[1] < 3


def test_tiers_cost_what_the_paper_says_and_come_in_order() -> None:
    scores = np.random.default_rng(1).normal(size=128)
    tiers = qframe(scores, TierConfig(), seed=3)
    exact(tiers.indices, 128, 44)
    assert np.bincount(tiers.tier).tolist() == [4, 8, 32] and tiers.cost == 8.0
    quiet = qframe(scores)
    assert set(quiet.indices[quiet.tier == 0]) == set(top(scores, 4).tolist())
    np.testing.assert_array_equal(tiers.indices, qframe(scores, seed=3).indices)
    assert qframe(np.array([np.nan]), seed=0).indices.tolist() == [0]


@pytest.mark.parametrize("rule", BY_SCORE.values())
def test_bad_requests_are_refused(rule) -> None:
    with pytest.raises(InputError, match="n is 0"):
        rule(np.ones(3), 0)
    with pytest.raises(InputError, match="0 frames"):
        rule(np.ones(0), 2)
