from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.metrics.bootstrap import cluster_bootstrap, paired_difference, wilson


def test_wilson_closed_form() -> None:
    # By hand for 5 of 10, z = 1.959964: centre 0.5, half = z / (1 + z²/10) · sqrt(0.025 + z²/400) = 0.263406
    interval = wilson(5, 10)
    assert (interval.low, interval.high) == pytest.approx((0.236593, 0.763407), abs=1e-5)
    none = wilson(0, 20)
    assert none.low == 0 and none.high == pytest.approx(1.959964**2 / (20 + 1.959964**2), abs=1e-6)
    assert wilson(20, 20).high == 1


@given(st.integers(0, 200), st.integers(1, 200), st.floats(0.5, 0.999))
def test_wilson_properties(successes: int, trials: int, level: float) -> None:
    successes = min(successes, trials)
    interval = wilson(successes, trials, level=level)
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1
    mirror = wilson(trials - successes, trials, level=level)
    assert interval.low == pytest.approx(1 - mirror.high)


def test_bootstrap_without_clusters_has_the_normal_width() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    interval = cluster_bootstrap(values, draws=4000)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.half == pytest.approx(1.96 * values.std() / np.sqrt(2000), rel=0.08)
    assert (interval.items, interval.clusters) == (2000, 2000)


def test_clusters_widen_the_interval_as_copies_should() -> None:
    # Ten copies of each value say nothing new: the interval is that of the values, not of ten times as many.
    values = np.random.default_rng(2).normal(size=200)
    alone = cluster_bootstrap(values, draws=4000)
    copied = cluster_bootstrap(np.repeat(values, 10), np.repeat(np.arange(200), 10), draws=4000)
    naive = cluster_bootstrap(np.repeat(values, 10), draws=4000)
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert naive.half == pytest.approx(alone.half / np.sqrt(10), rel=0.1)


def test_unequal_clusters_average_over_items() -> None:
    interval = cluster_bootstrap([1, 1, 1, 0], ["a", "a", "a", "b"], draws=2000)
    assert interval.mean == 0.75
    assert (interval.low, interval.high) == (
        0,
        1,
    )  # two clusters: both extremes are drawn a quarter of the time
    assert interval.clusters == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30), st.integers(0, 2**32))
@settings(max_examples=40)
def test_seeded_ordered_and_bounded(items: list[tuple[int, bool]], seed: int) -> None:
    clusters, values = zip(*items, strict=True)
    one = cluster_bootstrap(values, clusters, draws=200, seed=seed)
    assert one == cluster_bootstrap(values, clusters, draws=200, seed=seed)
    assert 0 <= one.low <= one.high <= 1
    shuffled = np.random.default_rng(0).permutation(len(items))
    other = cluster_bootstrap(np.array(values)[shuffled], np.array(clusters)[shuffled], draws=200, seed=seed)
    assert (other.mean, other.low, other.high) == pytest.approx((one.mean, one.low, one.high))


def test_many_clusters_are_drawn_in_blocks() -> None:
    values = np.random.default_rng(3).random(30_000)
    assert cluster_bootstrap(values, draws=150).half == pytest.approx(
        1.96 * values.std() / 30_000**0.5, rel=0.25
    )


def test_paired_difference_is_sharper_than_two_intervals() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(size=500)
    a, b = base + 0.1 + 0.01 * rng.normal(size=500), base
    interval = paired_difference(a, b)
    assert interval.mean == pytest.approx(0.1, abs=0.005)
    assert interval.low > 0.09 and interval.high < 0.11
    assert paired_difference(a, a).high == 0


def test_bad_input() -> None:
    for call, word in (
        (lambda: cluster_bootstrap([]), "values"),
        (lambda: cluster_bootstrap([1.0, float("nan")]), "finite"),
        (lambda: cluster_bootstrap([1, 2], [1]), "clusters"),
        (lambda: cluster_bootstrap([1, 2], level=1.5), "level"),
        (lambda: cluster_bootstrap([1, 2], draws=0), "draws"),
        (lambda: paired_difference([1], [1, 2]), "paired"),
        (lambda: wilson(3, 2), "wilson"),
    ):
        with pytest.raises(InputError, match=word):
            call()
