"""Precision and recall of the event head on held-out clips, per kind of event.

python -m benchmarks.watch_events [--clips 20] [--seeds 3] [--split test]

Everything is found in pixels: ground, trails, events. A found event is right if a true event of the same kind and the
same thing overlaps it with a tIoU of at least 0.5; each true event counts once. The seeds
are disjoint lots of clips, and the spread is over them.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from lucida.metrics.geometry import temporal_iou
from lucida.train.claims import Number, measured, report
from lucida.watch.events.examples import clip_shot, owner
from lucida.watch.events.happenings import happenings
from lucida.watch.events.head import load_events
from lucida.world.clip_records import EVENT_KINDS, Event
from lucida.world.clips import Clip, draw_clip

Found = tuple[str, int | None, int | None, float, float]  # kind, thing, other thing, t0, t1
RIGHT = 0.5


def found_in(clip: Clip) -> list[Found]:
    """The events seen in the pixels of a clip; a thing is None where the trail follows nothing that is there."""
    shot = clip_shot(clip)
    owners = [owner(clip, trail) for trail in shot.trails]
    return [
        (h.kind, owners[h.trail], None if h.other is None else owners[h.other], h.t0, h.t1)
        for h in happenings(shot, load_events())
    ]


def matched(found: list[Found], truth: tuple[Event, ...]) -> tuple[list[Found], list[Event], list[Found]]:
    """(right ones, missed events, wrong ones); pairs are taken in order of their tIoU."""
    pairs = sorted(
        (-float(temporal_iou((f[3], f[4]), (e.t0, e.t1))), i, j)
        for i, f in enumerate(found)
        for j, e in enumerate(truth)
        if f[0] == e.kind and f[1] == e.subject
    )
    mine: set[int] = set()
    theirs: set[int] = set()
    for score, i, j in pairs:
        if -score >= RIGHT and i not in mine and j not in theirs:
            mine.add(i)
            theirs.add(j)
    return (
        [f for i, f in enumerate(found) if i in mine],
        [e for j, e in enumerate(truth) if j not in theirs],
        [f for i, f in enumerate(found) if i not in mine],
    )


def main() -> None:
    """Print a table and report the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=20, help="per seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", default="test")
    parser.add_argument("--verbose", action="store_true", help="name what was missed and what was wrong")
    options = parser.parse_args()
    tally: dict[str, list[dict[str, int]]] = {
        k: [defaultdict(int) for _ in range(options.seeds)] for k in EVENT_KINDS
    }
    for lot in range(options.seeds):
        for seed in range(lot * options.clips, (lot + 1) * options.clips):
            clip = draw_clip(seed, split=options.split)
            right, missed, wrong = matched(found_in(clip), clip.events)
            for name, items in (("right", right), ("wrong", wrong)):
                for f in items:
                    tally[f[0]][lot][name] += 1
            for event in missed:
                tally[event.kind][lot]["missed"] += 1
            if options.verbose:
                for event in missed:
                    print(f"{seed}: missed {event.text} {event.t0:.2f}-{event.t1:.2f}")
                for kind, thing, _, t0, t1 in wrong:
                    name = "nothing" if thing is None else clip.objects[thing].phrase
                    print(f"{seed}: wrong {name} {kind} {t0:.2f}-{t1:.2f}")
    numbers: dict[str, Number] = {}
    print(f"{options.seeds} x {options.clips} clips of split {options.split}, tIoU >= {RIGHT}")
    for kind in (*EVENT_KINDS, "all"):
        rows = tally[kind] if kind != "all" else [
            {n: sum(tally[k][lot][n] for k in EVENT_KINDS) for n in ("right", "wrong", "missed")}
            for lot in range(options.seeds)
        ]  # fmt: skip
        name = kind.replace(" ", "-")
        precision = [row["right"] / max(1, row["right"] + row["wrong"]) for row in rows]
        recall = [row["right"] / max(1, row["right"] + row["missed"]) for row in rows]
        numbers[f"{name}/precision"], numbers[f"{name}/recall"] = measured(precision), measured(recall)
        count = sum(row["right"] + row["missed"] for row in rows)
        print(f"{kind:>14} precision {np.mean(precision):.3f} recall {np.mean(recall):.3f}  of {count}")
    report(numbers)


if __name__ == "__main__":
    main()
