"""What every memory does with a percept before its rule: refuse a bad one, note its time, learn the noise of frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.records import Percept

_WARM = 32  # percepts over which the noise of frames is taken at its least so far


class Intake:
    """The door of a memory: ``seen`` percepts, the newest at ``t`` for ``duration`` seconds.

    ``step`` is the running lower quartile of the squared distance between consecutive frames, so that cuts do not count
    while one frame in four is like the last. It falls three times as fast as it rises, which needs no history. Half of
    it is the squared distance of a frame from what it shows.
    """

    def __init__(self, budget: int, dim: int) -> None:
        self.budget, self.dim = budget, dim
        self.restore([0.0, -np.inf, 0.0, 0.0])

    def take(self, percept: Percept, squared: Callable[[np.ndarray], float | None]) -> None:
        """Check it and note it; ``squared`` measures the step from the newest vector kept (None: there is none).

        Raises:
            InputError: not ``dim`` finite numbers, time that runs back, or a thumbnail over a quarter of the budget
                (there would be no room to remember). Then nothing has changed.
        """
        where = f"percept at {percept.t:g} s"
        if percept.vector.shape != (self.dim,):
            raise InputError(f"{where}: vector must be ({self.dim},), got {percept.vector.shape}")
        if not np.isfinite(percept.vector).all():
            raise InputError(f"{where}: vector holds a number that is not finite")
        if percept.t < self.t:
            raise InputError(f"{where} comes after one at {self.t:g} s: time must not run back")
        if percept.thumb is not None and 4 * len(percept.thumb) > self.budget:
            size = len(percept.thumb)
            raise InputError(
                f"{where}: a thumbnail of {size} bytes is too large for a budget of {self.budget}"
            )
        step = squared(percept.vector)
        if step is not None:
            down = 1.05**-3 if self.seen > _WARM else 0.0
            self.step = min(1.05 * self.step, max(step, down * self.step)) if self.step > 0 else step
        self.seen += 1
        self.t, self.duration = percept.t, percept.duration

    def errors(self, weight: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Standard deviation of a score: (n,), from the frames in a slot (n,) and the error of its code (n,).

        The noise of a frame is spread over ``dim`` directions, of which a question has one; a mean of frames has less.
        """
        return np.sqrt(0.5 * max(self.step, 0.0) / self.dim / np.maximum(weight, 1) + code * code)

    def values(self) -> list[float]:
        """For saving."""
        return [float(self.seen), self.t, self.duration, self.step]

    def restore(self, values: list[float]) -> None:
        """The inverse of :meth:`values`."""
        self.seen = int(values[0])
        self.t, self.duration, self.step = values[1:]


def refuse(name: str, budget: int, need: int, dim: int) -> NoReturn:
    """Raise InputError for a budget that is too small to work with."""
    raise InputError(
        f"budget of {budget} bytes is too small for the {name} memory: {dim} dimensions need {need}"
    )
