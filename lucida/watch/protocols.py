"""The four interfaces of watching, remembering, reasoning and answering, and what they borrow from other rooms.

The watch room lies below the systems, so it names what it needs and the command line injects it. The write rule of
a memory is eq. (2) of the survey with no question in it: m_t = remember(m_{t-1}, z_t). A question that is known in
advance goes to a ``Trigger``; one that comes later can only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lucida.media.geometry import Box
from lucida.media.records import Answer
from lucida.watch.records import Alarm, Hit, Percept, Seen, Sizes, Trace


@runtime_checkable
class Tower(Protocol):
    """Frames (H, W, 3) uint8 -> (n, d) unit vectors and (n, C) class probabilities."""

    def see(self, frames: Sequence[np.ndarray]) -> Seen: ...


@runtime_checkable
class TextEncoder(Protocol):
    """Sentences -> (n, e) float32 unit vectors."""

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...


@runtime_checkable
class Describer(Protocol):
    """A picture (H, W, 3) uint8 and normalised boxes -> one description per box."""

    def describe(self, pixels: np.ndarray, boxes: Sequence[Box]) -> list[str]: ...


@runtime_checkable
class Watcher(Protocol):
    """Eq. (1): a decoded frame -> a percept that carries the frame's own timestamp."""

    def watch(self, frame: Any) -> Percept: ...


@runtime_checkable
class Memory(Protocol):
    """Eq. (2): a causal state of at most ``budget`` bytes, written without knowing the question.

    ``write`` takes percepts in the order of their times and refuses one that goes back. ``read`` returns at most ``k``
    hits, best first, and changes nothing but ``sizes().read``. ``spans`` are ordered. ``state`` is made of arrays only
    (safetensors); ``restore`` of it in a memory made with the same settings gives identical later answers.
    """

    name: str
    budget: int

    def write(self, percept: Percept) -> None: ...

    def read(self, query: np.ndarray, k: int = 5) -> list[Hit]: ...

    def sizes(self) -> Sizes: ...

    def spans(self) -> list[tuple[float, float]]: ...

    def state(self) -> dict[str, np.ndarray]: ...

    def restore(self, state: dict[str, np.ndarray]) -> None: ...


@runtime_checkable
class Reasoner(Protocol):
    """Eq. (3): a question, the memory and tools by name, within a budget of frames -> a trace."""

    def reason(self, question: Any, memory: Memory, tools: Mapping[str, Any], budget: int) -> Trace: ...


@runtime_checkable
class Answerer(Protocol):
    """Eq. (4): a trace -> an answer with its evidence, or an abstention that says what was inspected."""

    def answer(self, trace: Trace) -> Answer: ...


@runtime_checkable
class Trigger(Protocol):
    """A question known in advance: one score per percept in, an alarm or nothing out; bounded state."""

    def step(self, t: float, score: float) -> Alarm | None: ...

    def reset(self) -> None: ...

    def state(self) -> dict[str, np.ndarray]: ...

    def restore(self, state: dict[str, np.ndarray]) -> None: ...
