"""What the engine needs to answer verbs ("a car enters"): something that follows things and says what they do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from lucida.media.geometry import Box


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Something a thing did, reported as soon as it is certain.

    Attributes:
        verb: one of the detector's verbs. t0, t1: seconds it took, not later than the frame that settled it.
        t: the moment that shows it best. box: where the thing was then, normalised xyxy. score: 0..1.
        label: what the thing is, if the detector knows; "" leaves that to the bridge.
        jpeg: the picture at ``t``, where the detector kept it.
    """

    verb: str
    t0: float
    t1: float
    t: float
    box: Box
    score: float
    label: str = ""
    jpeg: bytes = field(default=b"", repr=False)


@runtime_checkable
class EventDetector(Protocol):
    """Causal: what ``step`` returns depends on the frames so far only. State is bounded.

    Attributes:
        verbs: what it can recognise, in the words of ``lucida.watch.query.VERBS``.
        bytes: size of its state, which counts towards the budget.
        blind: why it cannot tell anything at present ("the camera moves"); "" while it can.
    """

    verbs: frozenset[str]

    @property
    def bytes(self) -> int: ...

    @property
    def blind(self) -> str: ...

    def step(self, t: float, pixels: np.ndarray) -> list[Observed]: ...

    def finish(self) -> list[Observed]:
        """The stream is over: what was not certain yet because more might have come. Each has its ``jpeg``."""
        ...
