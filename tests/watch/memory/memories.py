"""Short streams for the memory tests."""

from __future__ import annotations

import hashlib

import numpy as np

from lucida.watch.protocols import Memory
from lucida.watch.records import Hit, Percept

DIM = 32
BUDGET = 4000


def stream(count: int, *, seed: int = 0, dim: int = DIM, thumbs: int = 0, length: int = 12) -> list[Percept]:
    """Events of about ``length`` frames with noise; every 40 frames a needle of two. Times are irregular."""
    random = np.random.default_rng(seed)
    out, t, thing = [], 3.0, _unit(random, dim)
    for index in range(count):
        if random.random() < 1 / length:
            thing = _unit(random, dim)
        shown = _unit(np.random.default_rng(index // 40 + 10_000), dim) if index % 40 in (20, 21) else thing
        vector = shown + 0.3 * random.standard_normal(dim) / dim**0.5
        thumb = random.bytes(thumbs // 2 + int(random.integers(0, thumbs))) if thumbs else None
        duration = float(random.uniform(0.2, 0.8))
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        out.append(Percept(t=t, duration=duration, vector=unit, thumb=thumb, index=index))
        t += duration
    return out


def _unit(random: np.random.Generator, dim: int) -> np.ndarray:
    x = random.standard_normal(dim)
    return x / np.linalg.norm(x)


def fed(memory: Memory, percepts: list[Percept]) -> Memory:
    """The memory after these percepts."""
    for percept in percepts:
        memory.write(percept)
    return memory


def fingerprint(memory: Memory) -> str:
    """Of all bytes of the state."""
    state = memory.state()
    return hashlib.sha256(
        b"".join(name.encode() + state[name].tobytes() for name in sorted(state))
    ).hexdigest()


def plain(hits: list[Hit]) -> list[tuple]:
    """Hits as comparable tuples."""
    return [(h.t0, h.t1, h.t, h.score, h.weight, h.tier, h.vector.tobytes(), h.thumb) for h in hits]
