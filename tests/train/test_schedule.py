"""Learning rates by hand."""

from __future__ import annotations

import pytest

from lucida.train.schedule import ScheduleConfig, learning_rate, stage

WSD = ScheduleConfig(peak=2.0, warmup=4, decay=4, final=0.5)


@pytest.mark.parametrize(
    ("step", "rate", "name"),
    [
        (0, 0.5, "warm-up"), (1, 1.0, "warm-up"), (3, 2.0, "warm-up"),
        (4, 2.0, "stable"), (15, 2.0, "stable"),
        (16, 2.0, "decay"), (17, 1.75, "decay"), (18, 1.5, "decay"), (19, 1.25, "decay"),
    ],
)  # fmt: skip
def test_by_hand(step: int, rate: float, name: str) -> None:
    assert learning_rate(step, 20, WSD) == pytest.approx(rate)
    assert stage(step, 20, WSD) == name


def test_without_ramps() -> None:
    flat = ScheduleConfig(peak=0.3, warmup=0, decay=0)
    assert [learning_rate(step, 5, flat) for step in range(5)] == [0.3] * 5
    assert {stage(step, 5, flat) for step in range(5)} == {"stable"}


def test_ramps_that_meet_never_jump_up() -> None:
    """Warm-up comes first, also where a short run's decay would already have begun."""
    config = ScheduleConfig(peak=1.0, warmup=6, decay=6, final=0.1)
    rates = [learning_rate(step, 8, config) for step in range(8)]
    assert rates[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0])
    assert rates[6:] == pytest.approx([0.1 + 0.9 * 2 / 6, 0.1 + 0.9 / 6])


def test_never_zero_never_over_the_peak() -> None:
    for steps in (1, 2, 7, 50):
        for step in range(steps):
            assert 0 < learning_rate(step, steps, WSD) <= WSD.peak
