"""When to speak: three rules behind one protocol, each a function of the scores since it last fired or was reset."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.records import Alarm
from lucida.watch.stream.calibrate import cusum_threshold, stated_rate


class Rule(ABC):
    """A ``lucida.watch.protocols.Trigger`` whose state is a few numbers; it begins anew after each alarm."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._take(())

    def step(self, t: float, score: float) -> Alarm | None:
        """Take the score of time ``t``; an alarm if the event begins to be believed now. NaN counts as no score."""
        if math.isnan(score):
            return None
        alarm = self._advance(t, score)
        if alarm is not None:
            self.reset()
        return alarm

    def state(self) -> dict[str, np.ndarray]:
        """All it remembers, as arrays."""
        return {"rule": np.array(self._numbers())}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take up where ``state`` was taken."""
        self._take(tuple(float(x) for x in state["rule"]))

    @abstractmethod
    def _advance(self, t: float, score: float) -> Alarm | None: ...

    def _numbers(self) -> tuple[float, ...]:
        return ()

    def _take(self, numbers: tuple[float, ...]) -> None:  # noqa: B027 (a rule without memory needs none)
        """Set the rule's own state; () is the beginning."""


class Threshold(Rule):
    """Fires when one score exceeds ``level``."""

    def __init__(self, level: float) -> None:
        self.level = level
        super().__init__()

    def _advance(self, t: float, score: float) -> Alarm | None:
        return Alarm(t=t, t0=t, score=score) if score > self.level else None


class RunningSum(Rule):
    """MMDuet's rule (2411.17991): probabilities are summed until the sum exceeds ``level``, then from zero again.

    The probability is taken as sigmoid(score - ``middle``). It never forgets: in a long silence the sum still grows, so
    that its false alarms come at regular intervals.
    """

    def __init__(self, level: float, *, middle: float = 2.0) -> None:
        if not level > 0:
            raise InputError(f"level must be above 0, got {level}")
        self.level, self.middle = level, middle
        super().__init__()

    def _advance(self, t: float, score: float) -> Alarm | None:
        share = 0.5 * (1 + math.tanh((score - self.middle) / 2))
        if math.isnan(self._began) or (share >= 0.5 and self._share < 0.5):
            self._began = t
        self._share = share
        self._sum += share
        if self._sum <= self.level:
            return None
        return Alarm(t=t, t0=self._began, score=self._sum)

    def _numbers(self) -> tuple[float, ...]:
        return self._sum, self._share, self._began

    def _take(self, numbers: tuple[float, ...]) -> None:
        self._sum, self._share, self._began = numbers or (0.0, 0.0, math.nan)


class Cusum(Rule):
    """Page's cumulative sum: S = max(0, S + z - ``k``) fires above ``h``; the event began where S left zero.

    It is the quickest rule for its false-alarm rate when z ~ N(0, 1) shifts by 2k (Lorden 1971, Moustakides 1986).
    Scores above ``most`` count as ``most``: this can only lower the rate, and one wild frame cannot fire alone where
    ``most`` - k <= h.
    """

    def __init__(self, h: float, *, k: float = 1.0, most: float = 3.0) -> None:
        if not (h > 0 and k > 0 and most > k):
            raise InputError(f"a CUSUM needs h > 0, k > 0 and most > k, got h={h}, k={k}, most={most}")
        self.h, self.k, self.most = h, k, most
        super().__init__()

    @classmethod
    def for_rate(cls, per_hour: float, fps: float, *, k: float = 1.0, most: float = 3.0) -> Cusum:
        """The one whose false alarms on independent standard normal scores are ``per_hour``."""
        return cls(cusum_threshold(per_hour, fps, k), k=k, most=most)

    def rate(self, fps: float) -> float:
        """False alarms per hour that hold by construction for independent standard normal scores."""
        return stated_rate(self.h, self.k, fps)

    def _advance(self, t: float, score: float) -> Alarm | None:
        raised = self._sum + min(score, self.most) - self.k
        if raised <= 0:
            self.reset()
            return None
        if self._sum == 0:
            self._began = t
        self._sum = raised
        return Alarm(t=t, t0=self._began, score=raised) if raised > self.h else None

    def _numbers(self) -> tuple[float, ...]:
        return self._sum, self._began

    def _take(self, numbers: tuple[float, ...]) -> None:
        self._sum, self._began = numbers or (0.0, math.nan)
