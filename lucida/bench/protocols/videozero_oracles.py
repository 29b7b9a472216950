"""Scripted answers to VideoZeroBench whose scores have closed forms: they test the harness, not a model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lucida.bench.protocols.videozero_items import Item
from lucida.bench.records import Reply, replies_of

SCALE = {"thousand": 1000.0, "normalised": 1.0, "pixels": 1.0}
MODELS = {"thousand": "oracle-qwen3", "normalised": "oracle", "pixels": "oracle-qwen2"}
"""Names from which the released scorer takes the unit."""
FRAME = (100, 100)  # of oracles that answer in pixels

Texts = dict[str, str]


def written(
    item: Item, *, answer: str | None = None, evidence: bool = True, unit: str = "thousand", late: float = 0.0,
    aside: float = 0.0,
) -> Texts:  # fmt: skip
    """All five replies to a question in the asked formats.

    Args:
        answer: instead of the truth. evidence: true evidence, or evidence that misses it all.
        late: seconds added to every time of levels 4 and 5. aside: fraction of the frame added to every x.
    """
    said = item.answer if answer is None else answer
    texts = {f"{item.id}/level{level}": said for level in (1, 2, 3)}
    if item.windows:
        end = max(b for _, b in item.windows)
        windows = [(a + late, b + late) for a, b in item.windows] if evidence else [(end + 1.0, end + 2.0)]
        texts[f"{item.id}/level4"] = "\n".join(
            f"From <{a!r} seconds> to <{b!r} seconds>." for a, b in windows
        )
    if item.boxes:
        factor = FRAME[0] if unit == "pixels" else SCALE[unit]
        entries = [
            {
                "time": time + late if evidence else time + 5.0 + item.duration,
                "bbox_2d": [[(x0 + aside) * factor, y0 * factor, (x1 + aside) * factor, y1 * factor]
                            for x0, y0, x1, y1 in item.boxes_at(time)],
            }
            for time in item.key_times
        ]  # fmt: skip
        texts[f"{item.id}/level5"] = json.dumps(entries)
    return texts


def broken(item: Item, *, unit: str = "thousand") -> Texts:
    """The truth in forms that the released parsers do not read: prose around JSON and answers, "between", H:MM:SS."""
    texts = written(item, unit=unit)
    for level in (1, 2, 3):
        texts[f"{item.id}/level{level}"] = f"<think>Hm.</think>The answer is **{item.answer}**."
    if item.windows:
        texts[f"{item.id}/level4"] = "Evidence: " + "; ".join(
            f"between {_clock(a)} and {_clock(b)}" for a, b in item.windows
        )
    if item.boxes:
        texts[f"{item.id}/level5"] = f"Here it is: {texts[f'{item.id}/level5']} I hope that helps."
    return texts


def _clock(seconds: float) -> str:
    whole, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(whole), 60)
    return f"{hours}:{minutes:02d}:{rest:06.3f}"


def sees(item: Item, frames: int) -> bool:
    """Whether one of ``frames`` uniform moments, first and last included, falls in a window."""
    moments = np.linspace(0.0, item.duration, frames)
    return any(bool(((moments >= a) & (moments <= b)).any()) for a, b in item.windows)


def independent(items: Sequence[Item], answer: float, evidence: float, *, seed: int = 0) -> dict[str, Reply]:
    """Right answers and right windows drawn independently with the given chances: the joint rate is their product."""
    rng = np.random.default_rng(seed)
    texts: Texts = {}
    for item in items:
        right, seen = rng.random(2) < (answer, evidence)
        texts |= written(item, answer=None if right else WRONG, evidence=bool(seen))
    return replies_of(texts, "oracle")


WRONG = "#"


def baselines(items: Sequence[Item], unit: str) -> Mapping[str, Mapping[str, Reply]]:
    """By name; those that use the truth are oracles."""
    common = Counter(item.answer for item in items).most_common(1)[0][0]
    factor = FRAME[0] if unit == "pixels" else SCALE[unit]
    everywhere = [[0.0, 0.0, factor, factor]]

    def trivial(item: Item) -> Texts:
        texts = {f"{item.id}/level{level}": common for level in (1, 2, 3)}
        if item.windows:
            texts[f"{item.id}/level4"] = f"From <0 seconds> to <{item.duration!r} seconds>."
        if item.boxes:
            entries = [{"time": time, "bbox_2d": everywhere} for time in item.key_times]
            texts[f"{item.id}/level5"] = json.dumps(entries)
        return texts

    makers: dict[str, Callable[[Item], Texts]] = {
        "commonest-answer-whole-video": trivial,
        "empty": lambda item: dict.fromkeys(written(item), ""),
        "oracle-perfect": lambda item: written(item, unit=unit),
        "oracle-wrong-evidence": lambda item: written(item, unit=unit, evidence=False),
        "oracle-wrong-answer": lambda item: written(item, unit=unit, answer=WRONG),
        "oracle-broken-format": lambda item: broken(item, unit=unit),
        "oracle-reads-16-frames": lambda item: written(
            item, unit=unit, answer=None if sees(item, 16) else WRONG
        ),
    }
    found = {}
    for name, make in makers.items():
        texts: Texts = {}
        for item in items:
            texts |= make(item)
        found[name] = {
            key: Reply(id=key, raw=text, model=MODELS[unit], unit=unit, frame_size=FRAME)
            for key, text in texts.items()
        }
    return found
