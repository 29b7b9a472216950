"""Triggers: the stated false-alarm rate is the measured one, and every rule keeps its state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.watch.protocols import Trigger
from lucida.watch.stream.baseline import Baseline, BaselineConfig
from lucida.watch.stream.calibrate import cusum_arl, cusum_threshold, lorden_bound, stated_rate
from lucida.watch.stream.listener import GateConfig, Listener
from lucida.watch.stream.triggers import Cusum, RunningSum, Threshold

RULES = [lambda: Threshold(2.5), lambda: RunningSum(2.0), lambda: Cusum(3.0, k=1.0)]


def run_lengths(h: float, k: float, runs: int, seed: int) -> np.ndarray:
    """Steps to the first alarm of ``runs`` CUSUMs on independent normal scores, all at once."""
    rng = np.random.default_rng(seed)
    total, length, alive = np.zeros(runs), np.zeros(runs), np.ones(runs, bool)
    while alive.any():
        total = np.maximum(0, total + rng.normal(size=runs) - k)
        length += alive
        alive &= total <= h
    return length


def test_published_run_lengths() -> None:
    # One-sided values of Montgomery's table (its two-sided 168 and 465 are half of them).
    assert cusum_arl(4, 0.5) == pytest.approx(336, rel=0.01)
    assert cusum_arl(5, 0.5) == pytest.approx(930, rel=0.01)


@pytest.mark.parametrize(("h", "k"), [(1.0, 0.5), (2.0, 1.0), (2.5, 0.75)])
def test_the_run_length_is_the_simulated_one(h, k) -> None:
    lengths = run_lengths(h, k, 3000, seed=1)
    error = lengths.std() / math.sqrt(len(lengths))
    assert abs(cusum_arl(h, k) - lengths.mean()) < 4 * error


@given(st.floats(0.1, 4), st.floats(0.3, 1.5))
@settings(max_examples=15)
def test_lordens_bound_holds(h, k) -> None:
    assert cusum_arl(h, k) >= lorden_bound(h, k) * 0.999


@given(st.floats(0.05, 200), st.floats(0.5, 30))
@settings(max_examples=10)
def test_a_threshold_has_the_rate_it_was_asked_for(per_hour, fps) -> None:
    assert stated_rate(cusum_threshold(per_hour, fps, 1.0), 1.0, fps) == pytest.approx(per_hour, rel=1e-3)


def test_a_cusum_alarms_at_its_stated_rate_on_normal_scores() -> None:
    trigger = Cusum.for_rate(60, 2, k=1.0)
    scores = np.random.default_rng(0).normal(
        size=120 * 300
    )  # as frames at 2 fps: 5 hours, 300 alarms expected
    alarms = sum(trigger.step(i / 2, float(z)) is not None for i, z in enumerate(scores))
    assert trigger.rate(2) == pytest.approx(60, rel=1e-3)
    assert abs(alarms - 300) < 4 * math.sqrt(300)


@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed"])
def test_the_stated_rate_holds_whatever_the_tail_of_the_scores(kind) -> None:
    rng, hours = np.random.default_rng(5), 3
    draws = {"normal": rng.normal, "heavy": lambda size: rng.standard_t(4, size) / math.sqrt(2),
             "skewed": lambda size: rng.exponential(size=size) - 1}  # fmt: skip
    scores = draws[kind](size=hours * 7200).tolist()
    count = {}
    for ranked in (True, False):
        listener = Listener(Cusum.for_rate(16, 2, k=1.0), BaselineConfig(ranked=ranked))
        changes = (listener.step(i / 2, z) for i, z in enumerate(scores))
        count[ranked] = sum(change is not None and change.begins for change in changes)
    assert count[True] <= 16 * hours + 3 * math.sqrt(16 * hours)
    assert count[False] >= count[True] * (2 if kind == "skewed" else 1)


def test_a_restored_baseline_goes_on_identically_and_a_rank_only_lowers() -> None:
    scores = np.random.default_rng(2).exponential(size=60).tolist()
    whole, plain, first = Baseline(), Baseline(BaselineConfig(ranked=False)), Baseline()
    for score in scores[:40]:
        assert whole.standard(score) <= plain.standard(score)
        for baseline in (whole, plain, first):
            baseline.learn(score)
    second = Baseline()
    second.restore(first.state())
    for score in scores[40:]:
        assert second.standard(score) == whole.standard(score)
        second.learn(score)
        whole.learn(score)
    assert math.isfinite(whole.standard(1e9)) and math.isfinite(whole.standard(-1e9))


def test_a_cusum_says_when_it_began() -> None:
    trigger = Cusum(3.0, k=1.0, most=4.0)
    scores = [0.0, 0.5, 2.5, 2.5, 2.5]
    alarms = [trigger.step(float(t), z) for t, z in enumerate(scores)]
    assert alarms[:4] == [None] * 4 and alarms[4] is not None
    assert (alarms[4].t0, alarms[4].t, alarms[4].score) == (2.0, 4.0, pytest.approx(4.5))


def test_one_wild_frame_does_not_fire_a_cusum_alone() -> None:
    trigger = Cusum(3.0, k=1.0, most=4.0)
    assert [trigger.step(t, z) for t, z in ((0.0, 1e9), (0.5, -1.0))] == [None, None]


def test_the_running_sum_fires_in_a_long_silence_as_published() -> None:
    trigger = RunningSum(1.0, middle=2.0)
    assert any(trigger.step(i / 2, 0.0) is not None for i in range(20))


@pytest.mark.parametrize("make", RULES)
@given(scores=st.lists(st.floats(-3, 6), min_size=2, max_size=40), cut=st.integers(0, 39))
@settings(max_examples=25)
def test_a_restored_trigger_goes_on_identically(make, scores, cut) -> None:
    cut = min(cut, len(scores))
    whole, first, second = make(), make(), make()
    assert isinstance(whole, Trigger)
    expected = [whole.step(float(t), z) for t, z in enumerate(scores)]
    before = [first.step(float(t), z) for t, z in enumerate(scores[:cut])]
    second.restore(first.state())
    assert before + [second.step(float(t + cut), z) for t, z in enumerate(scores[cut:])] == expected


@pytest.mark.parametrize("make", RULES)
def test_no_score_is_no_evidence(make) -> None:
    trigger = make()
    state = trigger.state()["rule"].tolist()
    assert trigger.step(0.0, math.nan) is None
    np.testing.assert_array_equal(trigger.state()["rule"], state)


def test_the_null_whitens_an_autoregression() -> None:
    rng, rho = np.random.default_rng(3), 0.8
    scores = [0.0]
    for e in rng.normal(size=6000):
        scores.append(rho * scores[-1] + math.sqrt(1 - rho**2) * e)
    baseline, out = Baseline(BaselineConfig(mean=0.0, ranked=False)), []
    for score in scores:
        out.append(baseline.standard(2 + 1.5 * score))
        baseline.learn(2 + 1.5 * score)
    tail = np.array(out[1500:])
    assert baseline.mean == pytest.approx(2, abs=0.35) and baseline.std == pytest.approx(1.5, rel=0.12)
    assert baseline.correlation == pytest.approx(rho, abs=0.06)
    assert abs(np.corrcoef(tail[1:], tail[:-1])[0, 1]) < 0.06
    assert tail.std() == pytest.approx(1, abs=0.08)


def test_the_null_uses_the_past_only_and_learns_little_from_what_stands_out() -> None:
    a, b = Baseline(), Baseline()
    assert a.standard(0.7) == b.standard(0.7)
    for baseline, last in ((a, 1.0), (b, 1e6)):
        for score in (0.2, 0.4, last):
            baseline.learn(score)
    assert b.mean - a.mean < 0.1
    assert a.state()["baseline"].shape == (5,)


def test_a_listener_fires_once_and_says_when_it_is_over() -> None:
    listener = Listener(Threshold(2.0), BaselineConfig(whiten=False), GateConfig(low=1.5, hold=1.0))
    scores = [0.5] * 4 + [6.0, 6.0, 0.5, 6.0, 0.5, 0.5, 0.5] + [0.5] * 4
    changes = [(i / 2, c) for i, z in enumerate(scores) if (c := listener.step(i / 2, z)) is not None]
    assert [(t, c.begins, c.t1) for t, c in changes] == [(2.0, True, 2.0), (4.5, False, 3.5)]
    assert listener.finish() is None and not listener.on


def test_bad_settings_are_refused() -> None:
    for make in (
        lambda: cusum_threshold(0, 2, 1), lambda: cusum_threshold(1e9, 2, 1), lambda: Cusum(0.0),
        lambda: RunningSum(0.0),
        lambda: BaselineConfig(std=0.0),
    ):  # fmt: skip
        with pytest.raises(InputError):
            make()
