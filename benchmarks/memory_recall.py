"""Runs of one memory over one made stream, and what its answers are worth."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.memory_streams import PERIOD, Stream, Truth
from lucida.metrics.geometry import temporal_iou
from lucida.watch.protocols import Memory
from lucida.watch.records import Hit, Percept

DELAYS = (1, 10, 60, 600, 1800, 3600)  # seconds after the end of a needle


def run(memory: Memory, stream: Stream, *, delays: bool) -> dict[str, float]:
    """Write the stream, ask meanwhile and at its end; all numbers are means over the questions.

    Returns:
        needle/hit1, /hit5, /covered (by a span of any length), /tiou, /span (its length in seconds); event/...;
        now/hit1; delay/SECONDS/hit1; us_per_write.
    """
    asks: dict[int, list[tuple[str, Callable[[list[Hit]], bool], np.ndarray]]] = defaultdict(list)
    for frame, query in stream.now:
        asks[frame].append(("now/hit1", _is_now((frame + 1) * PERIOD), query))
    for truth in stream.needles if delays else ():
        for delay in DELAYS:
            frame = round((truth.spans[0][1] + delay) / PERIOD) - 1
            if frame < len(stream.vectors):
                asks[frame].append(
                    (f"delay/{delay}/hit1", lambda hits, truth=truth: is_hit(hits[:1], truth), truth.query)
                )
    found: dict[str, list[float]] = defaultdict(list)
    spent = 0.0
    for frame, vector in enumerate(stream.vectors):
        start = time.perf_counter()
        memory.write(Percept(t=frame * PERIOD, duration=PERIOD, vector=vector))
        spent += time.perf_counter() - start
        if memory.sizes().state > memory.budget:
            raise AssertionError(
                f"{memory.name}: {memory.sizes().state} bytes exceed {memory.budget} at frame {frame}"
            )
        for name, right, query in asks.get(frame, ()):
            found[name].append(right(memory.read(query, 1)))
    for name, truths in (("needle", stream.needles), ("event", stream.events)):
        for truth in truths:
            hits = memory.read(truth.query, 5)
            found[f"{name}/hit1"].append(is_hit(hits[:1], truth))
            found[f"{name}/hit5"].append(is_hit(hits, truth))
            found[f"{name}/covered"].append(any(_contains(hits[0], *span) for span in truth.spans))
            found[f"{name}/tiou"].append(
                float(temporal_iou([(hits[0].t0, hits[0].t1)], list(truth.spans)).max())
            )
            found[f"{name}/span"].append(hits[0].t1 - hits[0].t0)
    out = {name: float(np.mean(values)) for name, values in found.items()}
    return {**out, "us_per_write": 1e6 * spent / len(stream.vectors)}


def is_hit(hits: Sequence[Hit], truth: Truth) -> bool:
    """A key frame shows it, or a span contains its middle that is short enough to look through.

    Short enough is half a minute, or four times its own length: a span of half the stream is no evidence.
    """
    return any(
        (_contains(hit, t0, t1) and hit.t1 - hit.t0 <= max(30.0, 4 * (t1 - t0))) or t0 <= hit.t < t1
        for hit in hits
        for t0, t1 in truth.spans
    )


def _contains(hit: Hit, t0: float, t1: float) -> bool:
    return hit.t0 <= 0.5 * (t0 + t1) <= hit.t1


def _is_now(end: float) -> Callable[[list[Hit]], bool]:
    """The span reaches into the last second."""
    return lambda hits: bool(hits) and hits[0].t1 >= end - 1
