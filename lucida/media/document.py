"""The JSON document ``lucida/1``: what every verb prints and every reader takes back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucida.media.errors import InputError
from lucida.media.records import Answer, Caption, Evidence
from lucida.media.region import Region
from lucida.media.track import Track

SCHEMA = "lucida/1"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document read back. One of ``image`` and ``video`` names the source; ``size`` is (height, width)."""

    image: str | None
    video: str | None
    size: tuple[int, int]
    results: tuple[Caption | Answer, ...]
    nfe: int | None
    seconds: float | None
    model: str | None
    seed: int | None


def result_document(
    results: Sequence[Caption | Answer],
    *,
    size: tuple[int, int],
    image: str | None = None,
    video: str | None = None,
    nfe: int | None = None,
    seconds: float | None = None,
    model: str | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """The document as plain JSON values.

    Args:
        results: captions and answers, in order.
        size: (height, width) in pixels of the picture or of the video's frames.
        image, video: where it came from; exactly one of them.
        nfe: forward passes of the network. seconds: wall clock. model: name. seed: of the sampling noise.
    """
    if (image is None) == (video is None):
        raise InputError("a result document needs exactly one of image and video")
    return {
        "schema": SCHEMA,
        **({"image": image} if image is not None else {"video": video}),
        "size": [int(size[0]), int(size[1])],
        "results": [_caption(each) if isinstance(each, Caption) else _answer(each) for each in results],
        "nfe": nfe,
        "seconds": seconds,
        "model": model,
        "seed": seed,
    }


def result_json(results: Sequence[Caption | Answer], *, indent: int | None = None, **fields: Any) -> str:
    """``result_document`` as a string; NaN and infinity are refused, so that every reader can parse it."""
    return json.dumps(result_document(results, **fields), ensure_ascii=False, allow_nan=False, indent=indent)


def load_document(source: str | os.PathLike[str] | Mapping[str, Any]) -> Document:
    """Read a document from a file or from parsed JSON.

    Raises:
        InputError: missing file, not JSON, another schema, or a field that is missing or wrong (it is named).
    """
    name = "document"
    if not isinstance(source, Mapping):
        name = os.fspath(source)
        try:
            source = json.loads(Path(source).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"no such file: {name}") from None
        except OSError as error:
            raise InputError(f"cannot read {name}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name} is not JSON: {error}") from None
    if not isinstance(source, Mapping) or source.get("schema") != SCHEMA:
        found = source.get("schema") if isinstance(source, Mapping) else type(source).__name__
        raise InputError(f"{name} is not a {SCHEMA} document: schema is {found!r}")
    return _Reader(name).document(source)


def _region(region: Region | None) -> dict[str, Any] | None:
    return None if region is None else {"rle": region.rle, "box": list(region.box)}


def _evidence(item: Evidence) -> dict[str, Any]:
    entry: dict[str, Any] = {"label": item.label, "t": None if item.t0 is None else [item.t0, item.t1]}
    if item.track is not None:
        entry["track"] = [{"t": time, "region": _region(region)} for time, region in item.track]
    else:
        entry["region"] = _region(item.region)
    return entry | {"score": item.score}


def _caption(caption: Caption) -> dict[str, Any]:
    return {
        "region": _region(caption.region),
        "text": caption.text,
        "confidence": caption.confidence,
        "steps": caption.steps,
        "evidence": [_evidence(item) for item in caption.evidence],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    fields = {
        "text": answer.text,
        "confidence": answer.confidence,
        "abstained": answer.abstained,
        "inspected": list(answer.inspected),
        "evidence": [_evidence(item) for item in answer.evidence],
    }
    return fields | ({"reason": answer.reason} if answer.reason else {})


class _Reader:
    """Walks parsed JSON; ``where`` is the path to the field being read, for the message."""

    def __init__(self, name: str) -> None:
        self.name = name

    def document(self, data: Mapping[str, Any]) -> Document:
        size = self.get(data, "size", list, "")
        if len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
            raise InputError(f"{self.name}: size must be [height, width], got {size!r}")
        image, video = (self.get(data, key, str, "", optional=True) for key in ("image", "video"))
        if (image is None) == (video is None):
            raise InputError(f"{self.name}: needs exactly one of image and video")
        results = self.get(data, "results", list, "")
        return Document(
            image=image,
            video=video,
            size=(size[0], size[1]),
            results=tuple(self.result(entry, f"results[{i}]") for i, entry in enumerate(results)),
            nfe=self.get(data, "nfe", int, "", optional=True),
            seconds=self.number(data, "seconds", ""),
            model=self.get(data, "model", str, "", optional=True),
            seed=self.get(data, "seed", int, "", optional=True),
        )

    def result(self, data: Any, where: str) -> Caption | Answer:
        text = self.get(data, "text", str, where)
        confidence = self.number(data, "confidence", where)
        entries = self.get(data, "evidence", list, where, optional=True) or []
        evidence = tuple(self.evidence(entry, f"{where}.evidence[{i}]") for i, entry in enumerate(entries))
        try:
            if "abstained" in data:
                inspected = self.get(data, "inspected", list, where, optional=True) or []
                abstained = self.get(data, "abstained", bool, where)
                reason = self.get(data, "reason", str, where, optional=True) or ""
                return Answer(text, evidence, confidence, abstained, tuple(map(str, inspected)), reason)
            region = self.region(data, where)
            return Caption(
                region, text, confidence, self.get(data, "steps", int, where, optional=True) or 0, evidence
            )
        except InputError as error:
            raise self.placed(error, where) from None

    def evidence(self, data: Any, where: str) -> Evidence:
        label = self.get(data, "label", str, where)
        times = self.get(data, "t", list, where, optional=True) or [None, None]
        if len(times) != 2 or not all(t is None or isinstance(t, (int, float)) for t in times):
            raise InputError(f"{self.name}: {where}.t must be [t0, t1] in seconds, got {times!r}")
        entries = self.get(data, "track", list, where, optional=True)
        score = self.number(data, "score", where)
        try:
            moving = {self.moment(each, where): self.needed_region(each, where) for each in entries or []}
            track = Track(moving) if moving else None
            return Evidence(label, times[0], times[1], self.region(data, where), track, score)
        except InputError as error:
            raise self.placed(error, where) from None

    def moment(self, data: Any, where: str) -> float:
        time = self.number(data, "t", f"{where}.track")
        if time is None:
            raise InputError(f"{self.name}: {where}.track: t is missing")
        return time

    def needed_region(self, data: Any, where: str) -> Region:
        region = self.region(data, f"{where}.track")
        if region is None:
            raise InputError(f"{self.name}: {where}.track: region is missing")
        return region

    def region(self, data: Any, where: str) -> Region | None:
        value = self.get(data, "region", dict, where, optional=True)
        if value is None:
            return None
        return Region.from_rle(
            self.get(value, "rle", dict, f"{where}.region"), source=f"{self.name}: {where}.region.rle"
        )

    def number(self, data: Any, key: str, where: str) -> float | None:
        value = self.get(data, key, (int, float), where, optional=True)
        return None if value is None else float(value)

    def get(self, data: Any, key: str, kind: Any, where: str, optional: bool = False) -> Any:
        if not isinstance(data, Mapping):
            raise InputError(
                f"{self.name}: {where or 'document'} must be an object, got {type(data).__name__}"
            )
        value = data.get(key)
        if value is None and optional:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            path = f"{where}.{key}" if where else key
            raise InputError(
                f"{self.name}: {path} is missing" if value is None else f"{self.name}: {path} is {value!r}"
            )
        return value

    def placed(self, error: InputError, where: str) -> InputError:
        """The error with file and field in front, unless it already names the file."""
        return error if str(error).startswith(self.name) else InputError(f"{self.name}: {where}: {error}")
