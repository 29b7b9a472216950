"""Compression: sums are conserved, nothing changes without a reason, and the released code's bad cases work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lucida.media.errors import InputError
from lucida.watch.compress import (
    Tokens,
    drop_similar,
    drop_still,
    merge_similar,
    merge_step,
    merge_to,
    split_static,
    strided,
)
from lucida.watch.compress.static import sameness
from lucida.watch.compress.temporal import cosines

MATRICES = hnp.arrays(np.float64, st.tuples(st.integers(1, 24), st.just(5)), elements=st.floats(-9, 9))
FILMS = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 11), st.integers(1, 10), st.just(3)), elements=st.floats(-9, 9)
)


def same_sum(before: np.ndarray, after: Tokens) -> None:
    assert after.sizes.sum() == len(before)
    np.testing.assert_allclose((after.sizes[:, None] * after.values).sum(0), before.sum(0), atol=1e-8)
    np.testing.assert_array_equal(np.bincount(after.owner, minlength=len(after)), after.sizes)


@given(MATRICES, st.integers(0, 30))
def test_a_step_conserves_size_and_weighted_sum_and_order(x, r) -> None:
    merged = merge_step(Tokens.of(x), r)
    same_sum(x, merged)
    assert len(merged) == len(x) - (min(r, -(-len(x) // 2)) if len(x) > 1 else 0)
    assert (np.diff(merged.positions) > 0).all()
    for row, token in enumerate(merged.values):
        np.testing.assert_allclose(token, x[merged.owner == row].mean(0), atol=1e-9)


@given(MATRICES, st.integers(1, 30))
def test_merging_to_n_leaves_n(x, n) -> None:
    merged = merge_to(Tokens.of(x), n)
    assert len(merged) == min(n, len(x))
    same_sum(x, merged)


def test_nothing_to_merge_is_the_identity() -> None:
    tokens = Tokens.of(np.random.default_rng(0).normal(size=(7, 3)))
    assert merge_step(tokens, 0) is tokens
    assert merge_step(tokens, 3, threshold=1.01).values.tolist() == tokens.values.tolist()


def test_equal_tokens_become_one_wherever_they_are() -> None:
    x, y = np.array([1.0, 0.0]), np.array([0.0, 2.0])
    merged = merge_similar(Tokens.of(np.stack([x, y, x, x, y, x])), 0.99)
    assert merged.values.tolist() == [[1, 0], [0, 2]] and merged.sizes.tolist() == [4, 2]
    assert merged.owner.tolist() == [0, 1, 0, 0, 1, 0]
    assert len(merge_similar(Tokens.of(np.tile(x, (9, 1))), 0.99)) == 1


def test_the_order_inside_each_side_does_not_matter() -> None:
    x = np.random.default_rng(2).normal(size=(10, 4))
    order = np.arange(10)
    order[::2] = [4, 0, 8, 2, 6]
    order[1::2] = [9, 3, 1, 7, 5]
    rows = [np.sort(merge_step(Tokens.of(x[p]), 3).values, axis=0) for p in (np.arange(10), order)]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-12)


@given(MATRICES, st.integers(1, 6))
def test_stride_keeps_one_of_k(x, k) -> None:
    merged = strided(Tokens.of(x), k)
    assert len(merged) == -(-len(x) // k)
    same_sum(x, merged)


@given(FILMS, st.sampled_from([0.0, 0.3, 0.7]), st.integers(1, 6))
def test_the_first_frame_of_each_group_stays_and_the_rest_lose_their_share(x, drop, group) -> None:
    kept = drop_still(x, drop=drop, group=group)
    lost = int(np.floor(drop * x.shape[1] + 1e-9))
    for t in range(len(x)):
        assert (~kept.mask[t]).sum() == (0 if t % group == 0 else lost)
    assert kept.mask[kept.source, np.arange(x.shape[1])].all()


def test_dycokes_ratio_and_its_bad_cases() -> None:
    x = np.random.default_rng(0).normal(size=(8, 10, 3))
    assert drop_still(x).ratio == pytest.approx(0.475)
    for count in (1, 2, 3, 5, 7):
        assert drop_still(x[:count]).mask.shape == (count, 10)
    assert (~drop_still(x).mask[6]).sum() == 7


@given(FILMS, st.floats(0.1, 0.99))
def test_a_dropped_token_looks_like_the_one_that_stands_for_it(x, threshold) -> None:
    kept = drop_similar(x, threshold=threshold)
    like = cosines(x, kept.restored(x))
    assert (like[~kept.mask] >= threshold - 1e-9).all() and kept.mask[0].all()
    np.testing.assert_array_equal(
        kept.mask[: len(x) - 1],
        drop_similar(x[:-1], threshold=threshold).mask if len(x) > 1 else kept.mask[:0],
    )


def test_a_still_film_keeps_its_first_frame_only() -> None:
    x = np.tile(np.random.default_rng(0).normal(size=(1, 6, 3)), (5, 1, 1))
    assert drop_similar(x).mask.sum() == 6
    (segment,) = split_static(x)
    assert segment.static.all() and segment.tokens == 6
    np.testing.assert_allclose(segment.restored(), x)


@given(FILMS)
def test_sameness_is_the_mean_cosine_over_pairs(x) -> None:
    x = x[:, np.linalg.norm(x, axis=-1).min(0) > 1e-6]
    if x.shape[1] and len(x) > 1:
        pairs = [cosines(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        np.testing.assert_allclose(sameness(x), np.mean(pairs, axis=0), atol=1e-9)


def test_a_moving_position_stays_dynamic_and_one_frame_is_its_own_mean() -> None:
    x = np.ones((4, 3, 2))
    x[:, 1] = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    first, second = split_static(x, [3])
    assert first.static.tolist() == [True, False, True] and first.dynamic.shape == (3, 1, 2)
    assert second.static.all() and np.isfinite(second.means).all()
    np.testing.assert_allclose(first.restored(), x[:3])


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="tokens"):
        Tokens.of(np.zeros((0, 3)))
    with pytest.raises(InputError, match="tokens"):
        split_static(np.zeros((3, 2)))
    with pytest.raises(InputError, match="drop"):
        drop_still(np.zeros((2, 2, 2)), drop=1.0)
