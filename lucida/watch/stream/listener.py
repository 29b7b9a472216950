"""One registered query: its running baseline, its trigger, and whether what it asks for is there now."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.protocols import Trigger
from lucida.watch.records import Alarm
from lucida.watch.stream.baseline import Baseline, BaselineConfig


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """When an event counts as over: its score has stayed below ``low`` standard deviations for ``hold`` seconds."""

    low: float = 1.5
    hold: float = 2.0

    def __post_init__(self) -> None:
        if not self.hold >= 0:
            raise InputError(f"hold must be 0 seconds or more, got {self.hold}")


@dataclass(frozen=True, kw_only=True)
class Change:
    """An event begins (``alarm`` says when and why) or ended at ``t1``, the last time it was seen."""

    begins: bool
    alarm: Alarm
    t1: float
    level: float  # standard deviations above the baseline now


class Listener:
    """Scores in, beginnings and ends out. A listener that is *on* does not fire again until the event is over.

    Args:
        trigger: fed with standardised scores.
        baseline: settings of the running baseline.
        gate: settings of the hysteresis.
    """

    def __init__(
        self, trigger: Trigger, baseline: BaselineConfig | None = None, gate: GateConfig | None = None
    ) -> None:
        self.trigger, self.gate = trigger, gate or GateConfig()
        self.baseline = Baseline(baseline)
        self._alarm: Alarm | None = None
        self._seen = math.nan
        self.level = 0.0

    @property
    def on(self) -> bool:
        """Whether the event goes on."""
        return self._alarm is not None

    @property
    def seen(self) -> float:
        """Time at which the event that goes on was last seen; NaN if there is none."""
        return self._seen

    def step(self, t: float, score: float) -> Change | None:
        """Take the raw score of time ``t``; what changed, if anything. Uses nothing that came after ``t``."""
        if math.isnan(score):
            return None
        self.level = (score - self.baseline.mean) / self.baseline.std
        z = self.baseline.standard(score)
        if self._alarm is not None:
            self.baseline.learn(score, quiet=False)
            if self.level >= self.gate.low:
                self._seen = t
            elif t - self._seen >= self.gate.hold:
                return self.finish()
            return None
        alarm = self.trigger.step(t, z)
        if alarm is None:
            self.baseline.learn(score)
            return None
        self.baseline.learn(score, quiet=False)
        self._alarm, self._seen = alarm, t
        return Change(begins=True, alarm=alarm, t1=t, level=self.level)

    def finish(self) -> Change | None:
        """The end of an event that goes on, because it is over or the stream is; None if there is none."""
        if self._alarm is None:
            return None
        change = Change(begins=False, alarm=self._alarm, t1=self._seen, level=self.level)
        self._alarm, self._seen = None, math.nan
        self.trigger.reset()
        return change

    def state(self) -> dict[str, np.ndarray]:
        """All it remembers, as arrays."""
        alarm = (self._alarm.t, self._alarm.t0, self._alarm.score) if self._alarm else (math.nan,) * 3
        own = {"listener": np.array([*alarm, self._seen, self.level])}
        return (
            own
            | self.baseline.state()
            | {f"trigger.{key}": value for key, value in self.trigger.state().items()}
        )

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken."""
        t, t0, score, self._seen, self.level = (float(x) for x in state["listener"])
        self._alarm = None if math.isnan(t) else Alarm(t=t, t0=t0, score=score)
        self.baseline.restore(state)
        prefix = "trigger."
        self.trigger.restore({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
