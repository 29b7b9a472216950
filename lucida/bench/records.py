"""What travels through the engine: a request, a reply, a scored row, a score. Plain, frozen, and as JSON and back.

Times are presentation timestamps in seconds (the clock of :class:`lucida.media.video.Video`); boxes in ``parsed`` and
``gold`` are normalised xyxy; regions travel as COCO run lengths ``{"size": [h, w], "counts": str}`` at picture size.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lucida.media.errors import InputError

Status = Literal["ok", "unparsed", "missing", "refused", "error"]
STATUSES: tuple[Status, ...] = ("ok", "unparsed", "missing", "refused", "error")


@dataclass(frozen=True, kw_only=True)
class MediaRef:
    """A picture or a video. ``path`` is relative to the data folder (absolute is allowed).

    ``span`` limits a video to [t0, t1) seconds; frame plans then count within it.
    """

    path: str
    kind: Literal["image", "video"]
    span: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class FramePlan:
    """Which frames of a video are shown. Part of the request, never hidden in a model.

    Attributes:
        kind: ``none`` (no frames), ``uniform`` (``count`` frames, equally spaced by index, first and last
            included), ``fps`` (``fps`` a second, thinned evenly to ``count`` when given), ``times`` (the frame on
            screen at each of ``times``).
        count: frames wanted, or the cap.
        fps: rate for ``fps``.
        times: seconds; with ``uniform`` and ``fps`` these frames are added and kept first when thinned to ``count``.
        without: [t0, t1] stretches whose frames are left out (faithfulness probes); nothing takes their place.
        longest: longest side in pixels after scaling (None: native). ``height``: the height instead.
    """

    kind: Literal["none", "uniform", "fps", "times"] = "none"
    count: int | None = None
    fps: float | None = None
    times: tuple[float, ...] = ()
    without: tuple[tuple[float, float], ...] = ()
    longest: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "uniform" and (self.count is None or self.count < 1):
            raise InputError(f"frame plan: uniform needs count of at least 1, got {self.count}")
        if self.kind == "fps" and (self.fps is None or self.fps <= 0):
            raise InputError(f"frame plan: fps must be above zero, got {self.fps}")
        if self.kind == "times" and not self.times:
            raise InputError("frame plan: times is empty")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call to a model.

    Attributes:
        id: unique within the protocol, such as ``"123/level3"``.
        item: the benchmark's item; cluster: what items share (video, picture): the unit of the bootstrap.
        prompt: the user's text. ``{{duration}}`` (seconds, three decimals) and ``{{frames}}`` (how many are shown),
            ``{{times}}`` (their seconds, two decimals, comma separated) are filled when the frames are known.
        system: the system line, empty for none.
        media: pictures and videos, in order.
        frames: the frame plan of every video in ``media``.
        regions: run lengths on ``media[0]``, in the order in which the prompt counts them.
        task: ``ask`` (answer the prompt), ``describe`` (describe ``regions[0]``, or the whole picture without one).
            A model that reads only prompts ignores it.
        group: requests of one non-empty group share their media and may be answered in one pass.
        meta: what reports break results down by (domain, ability, level, span, language …); JSON values.
        max_tokens: longest reply.
    """

    id: str
    item: str
    cluster: str
    prompt: str
    system: str = ""
    media: tuple[MediaRef, ...] = ()
    frames: FramePlan = field(default_factory=FramePlan)
    regions: tuple[Mapping[str, Any], ...] = ()
    task: Literal["ask", "describe"] = "ask"
    group: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int = 1024


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back, as it came.

    Attributes:
        id: of the request. raw: the reply's text, untouched ("" with an ``error``).
        seconds: wall time of the call. tokens: written by the model. None where unknown.
        error: why there is no text, else None.
        frame_times: seconds of the frames that were shown, in order. frame_size: (height, width) they were shown at.
        model: the model's name.
        cost: further numbers, such as ``passes`` and ``regions`` of the decode this reply came from, ``prompt_tokens``.
        unit: of boxes in ``raw`` if the model has a habit: ``normalised`` | ``thousand`` | ``pixels`` (of
            ``frame_size``); "" not declared: no unit is guessed, the protocol's prompt says which was asked for.
    """

    id: str
    raw: str
    seconds: float | None = None
    tokens: int | None = None
    error: str | None = None
    frame_times: tuple[float, ...] = ()
    frame_size: tuple[int, int] | None = None
    model: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One scored item (or request: the protocol's choice).

    Attributes:
        id: the row. item, cluster: as in the request.
        scores: by name, in 0..1, only those that this row takes part in (it is left out of the others' means).
        parsed, gold: what was read and what is true; JSON. Where a mapping holds ``answer``, ``windows``
            ([[t0, t1], …]) or ``boxes`` ([[t or None, [x0, y0, x1, y1]], …], normalised), reports draw them.
        status: ``missing`` no reply, ``error`` the call failed, ``unparsed`` unreadable, ``refused`` the judge gave
            no verdict. All but ``ok`` score 0; none is skipped.
        meta: breakdown keys; a list value counts under each of its entries.
        requests: ids of the requests it rests on; empty means ``(id,)``.
        note: why, in words, where it is not obvious.
    """

    id: str
    item: str
    cluster: str
    scores: Mapping[str, float]
    parsed: Any = None
    status: Status = "ok"
    meta: Mapping[str, Any] = field(default_factory=dict)
    gold: Any = None
    requests: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a protocol says about a set of replies.

    Attributes:
        rows: every item of the data, answered or not.
        summary: published names to published units (mostly per cent).
        n: items the headline is over. statuses: rows by status. compat: released quirks reproduced.
        ceilings: the most that ``summary[name]`` can reach, where that is not 100.
        provenance: data (revision hash), prompts (hash), parser, frames (rule), judge, and what else must be known.
        judged: the summary with the judge's verdicts, beside ``summary`` without; None where no judge was given.
        notes: warnings a reader must see.
    """

    protocol: str
    rows: tuple[Row, ...]
    summary: Mapping[str, float]
    n: int
    statuses: Mapping[str, int]
    compat: bool = False
    ceilings: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    judged: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()


def count_statuses(rows: tuple[Row, ...]) -> dict[str, int]:
    """Rows by status, all five named, so that a zero is seen."""
    counts = Counter(row.status for row in rows)
    return {status: counts.get(status, 0) for status in STATUSES}


def to_json(record: Any) -> dict[str, Any]:
    """A record as a JSON object, defaults left out so that files stay small and old ones stay readable."""
    document = {}
    for entry in dataclasses.fields(record):
        value = getattr(record, entry.name)
        default = entry.default_factory() if entry.default_factory is not dataclasses.MISSING else entry.default
        if default is dataclasses.MISSING or value != default:
            document[entry.name] = _plain(value)
    return document


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def reply_from_json(document: Mapping[str, Any], where: str = "reply") -> Reply:
    """A reply from :func:`to_json`'s object; unknown fields are ignored, known ones are checked.

    Raises:
        InputError: ``id`` or ``raw`` is missing, or a field has the wrong type.
    """
    name, raw = document.get("id"), document.get("raw")
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise InputError(f"{where}: id is {name!r}, want a string")
    if raw is not None and not isinstance(raw, str):
        raise InputError(f"{where}: raw of {name!r} is {type(raw).__name__}, want a string")
    if raw is None and document.get("error") is None:
        raise InputError(f"{where}: {name!r} has neither raw nor error")
    try:
        size, error, seconds, tokens = (document.get(key) for key in ("frame_size", "error", "seconds", "tokens"))
        return Reply(
            id=str(name), raw=raw or "", error=None if error is None else str(error),
            seconds=None if seconds is None else float(seconds), tokens=None if tokens is None else int(tokens),
            frame_times=tuple(float(t) for t in document.get("frame_times") or ()),
            frame_size=None if size is None else (int(size[0]), int(size[1])),
            model=str(document.get("model") or ""), unit=str(document.get("unit") or ""),
            cost={str(key): float(value) for key, value in (document.get("cost") or {}).items()},
        )  # fmt: skip
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{where}: {name!r} has a bad field: {error}") from error


def replies_of(texts: Mapping[str, str], model: str) -> dict[str, Reply]:
    """Plain replies without costs, by request id."""
    return {key: Reply(id=key, raw=text, model=model) for key, text in texts.items()}
