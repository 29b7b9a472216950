"""Example items for the report: question, reply, truth, and the evidence of both on frames and on the timeline."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lucida.bench.records import MediaRef, Reply, Request, Row
from lucida.bench.report_parts import Html, text, timeline

if TYPE_CHECKING:
    from lucida.bench.protocol import Protocol

LONGEST, MOST_FRAMES, MOST_TEXT = 320, 4, 1500
MOST_SPANS = 6  # named in words
TRUE, SAID = (15, 118, 110), (217, 119, 6)


def pick(rows: Sequence[Row], headline: str, count: int = 8) -> list[Row]:
    """A few rows of every kind, always the same ones: right, wrong, and each status that is not ok.

    Rows whose reply gives evidence come before those of the same kind that give none; rows that nothing can pass, for
    want of truth, come last.
    """
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        value = _value(row, headline)
        kind = row.status if row.status != "ok" else "right" if value >= 0.5 else "wrong"
        kinds.setdefault(kind, []).append(row)
    for rows_of_kind in kinds.values():
        rows_of_kind.sort(
            key=lambda row: (
                row.gold is None,
                not (_evidence(row.parsed, "windows") or _evidence(row.parsed, "boxes")),
            )
        )
    chosen: list[Row] = []
    order = [
        kinds[name] for name in ("wrong", "right", "unparsed", "refused", "error", "missing") if name in kinds
    ]
    for turn in range(count):
        for rows_of_kind in order:
            with_truth = sum(row.gold is not None for row in rows_of_kind) or len(rows_of_kind)
            if turn < len(rows_of_kind) and len(chosen) < count:
                chosen.append(rows_of_kind[turn * max(1, with_truth // count)])
    return list({row.id: row for row in chosen}.values())


def _value(row: Row, headline: str) -> float:
    for name in (f"judged_{headline}", headline, "judged_score", "score"):
        if name in row.scores:
            return row.scores[name]
    return next(reversed(list(row.scores.values())), 0.0)


def example(
    row: Row, requests: Mapping[str, Request], replies: Mapping[str, Reply], protocol: Protocol | None
) -> Html:
    """One item as a box."""
    names = row.requests or (row.id,)
    asked = [requests[name] for name in names if name in requests]
    scores = ", ".join(f"{name} {value:.3g}" for name, value in row.scores.items())
    kind = "right" if _value(row, protocol.headline if protocol is not None else "") >= 0.5 else "wrong"
    kind = kind if row.status == "ok" else row.status
    parts = [
        f'<b>{text(row.id)}</b><span class="chip {kind}">{text(kind)}</span> <span class=soft>{text(scores)}</span>'
    ]
    if row.note:
        parts.append(f"<p class=soft>{text(_cut(row.note, 400))}</p>")
    pairs = [("asked", _question(asked))] if asked else []
    pairs += [("true", _words(row.gold)), ("read", _words(row.parsed))]
    cells = "".join(f"<span>{name}</span><span>{text(value)}</span>" for name, value in pairs)
    parts.append(f'<div class="pair">{cells}</div>')
    parts.append(_pictures(row, asked, replies, protocol))
    for name in names[:6]:
        reply = replies.get(name)
        said = "(no reply)" if reply is None else f"({reply.error})" if reply.error else reply.raw or "(empty)"
        prompt = requests[name].prompt if name in requests else ""
        parts.append(f"<details><summary class=soft>{text(name)}: the whole prompt, and the reply as it came</summary>"
                     f"<pre class=soft>{text(_cut(prompt))}</pre></details>"
                     f'<pre class="reply">{text(_cut(said, 600))}</pre>')  # fmt: skip
    return Html(f'<div class="item">{"".join(parts)}</div>')


def _question(asked: Sequence[Request]) -> str:
    """What the last request asks, without what is told and without the form of the reply where that is known."""
    known = asked[-1].meta.get("question")
    return _cut(str(known or asked[-1].prompt), 300)


def _words(value: Any) -> str:
    """Answer and evidence in words; what is nothing else is shown as it is."""
    if value is None:
        return "nothing"
    if not isinstance(value, Mapping):
        return _cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), 400)
    parts = [str(value["answer"])] if value.get("answer") not in (None, "") else []
    if windows := _evidence(value, "windows"):
        shown = ", ".join(f"{_time(a)} to {_time(b)}" for a, b in windows[:MOST_SPANS])
        parts.append(f"{shown} s" + (f" and {len(windows) - MOST_SPANS} more" if len(windows) > MOST_SPANS else ""))
    if boxes := _evidence(value, "boxes"):
        times = list(dict.fromkeys(f"{time:.2f}" for time, _ in boxes if time is not None))
        at = f" at {', '.join(times[:MOST_SPANS])}{' …' if len(times) > MOST_SPANS else ''} s" if times else ""
        parts.append(f"{len(boxes)} {'box' if len(boxes) == 1 else 'boxes'}{at}")
    drawn = ("answer", "windows", "boxes")
    rest = {key: entry for key, entry in value.items() if key not in drawn and entry not in (None, "", [], {})}
    if rest and not parts:
        parts.append(json.dumps(rest, ensure_ascii=False, default=str))
    return _cut(" · ".join(parts) or "nothing", 500)


def _time(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _cut(value: str, most: int = MOST_TEXT) -> str:
    return value if len(value) <= most else f"{value[:most]} … ({len(value):,} characters)"


def _evidence(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return list(found) if isinstance(found, (list, tuple)) else []


def _pictures(
    row: Row, asked: Sequence[Request], replies: Mapping[str, Reply], protocol: Protocol | None
) -> str:
    medium = next((request.media[0] for request in asked if request.media), None)
    if medium is None or protocol is None:
        return ""
    try:
        return _drawn(row, asked, medium, replies, protocol)
    except Exception as error:  # a broken film is an item like any other: the report goes on
        return f"<div class=soft>no picture: {text(error)}</div>"


def _drawn(
    row: Row, asked: Sequence[Request], medium: MediaRef, replies: Mapping[str, Reply], protocol: Protocol
) -> str:
    path = protocol.data / medium.path
    if medium.kind == "image":
        from lucida.media.image import Image
        from lucida.media.region import Region

        image = Image.open(path)
        regions = [Region.from_rle(rle) for request in asked for rle in request.regions]
        boxes = [(None, box, TRUE) for _, box in _evidence(row.gold, "boxes")]
        boxes += [(None, box, SAID) for _, box in _evidence(row.parsed, "boxes")]
        return _figures([(_outlined(image, regions, boxes), medium.path)])
    from lucida.media.image import Image
    from lucida.media.video import Video

    true, said = (_evidence(value, "windows") for value in (row.gold, row.parsed))
    true_boxes, said_boxes = (_evidence(value, "boxes") for value in (row.gold, row.parsed))
    shown = next(
        (replies[r.id].frame_times for r in asked if r.id in replies and replies[r.id].frame_times), ()
    )
    with Video(path) as video:
        times = [t for t, _ in true_boxes if t is not None] + [(a + b) / 2 for a, b in true]
        times += [t for t, _ in said_boxes if t is not None] + [(a + b) / 2 for a, b in said]
        some = list(shown[:: max(1, len(shown) // 3)])[:3] or [video.duration / 2]
        times = list(dict.fromkeys(times))[:MOST_FRAMES] or some
        figures = []
        for t, frame in zip(times, video.at(times), strict=True):
            boxes = [(at, box, TRUE) for at, box in true_boxes if at is None or abs(at - t) < 0.05]
            boxes += [(at, box, SAID) for at, box in said_boxes if at is None or abs(at - t) < 0.05]
            figures.append((_outlined(Image(frame.pixels), [], boxes), f"{frame.t:.2f} s"))
        lanes = [
            [*spans, *([t, t] for t, _ in boxes if t is not None)]
            for spans, boxes in ((true, true_boxes), (said, said_boxes))
        ]
        line = timeline(video.duration, lanes[0], lanes[1], shown) if lanes[0] or lanes[1] or shown else ""
    return _figures(figures) + line


Marked = tuple[Any, Sequence[float], tuple[int, int, int]]  # (time, normalised box, colour)


def _outlined(image: Any, regions: Sequence[Any], boxes: Sequence[Marked]) -> Any:
    from PIL import ImageDraw

    from lucida.media.draw import annotate
    from lucida.media.image import Image

    if regions:
        once = list({region.key: region for region in regions}.values())[:16]
        image = annotate(image, once, fill=0.0, longest=min(LONGEST, max(image.size)))
    picture = image.fitted(LONGEST).to_pil()
    draw = ImageDraw.Draw(picture)
    for _, box, colour in boxes:
        x0, x1 = sorted((min(1.0, max(0.0, box[0])), min(1.0, max(0.0, box[2]))))
        y0, y1 = sorted((min(1.0, max(0.0, box[1])), min(1.0, max(0.0, box[3]))))
        width, height = picture.size
        around = 2 if colour == TRUE else 0  # so that a true box is seen around the same box of the model
        left, top = x0 * width - around, y0 * height - around
        right, bottom = max(left, x1 * width - 1 + around), max(top, y1 * height - 1 + around)
        draw.rectangle((left, top, right, bottom), outline=colour, width=2)
    return Image.open(picture)


def _figures(pictures: Sequence[tuple[Any, str]]) -> str:
    parts = []
    for image, caption in pictures:
        data = base64.b64encode(image.fitted(LONGEST).encoded("JPEG", quality=80)).decode("ascii")
        picture = f'<img alt="" src="data:image/jpeg;base64,{data}">'
        parts.append(f"<figure>{picture}<figcaption>{text(caption)}</figcaption></figure>")
    return f'<div class="frames">{"".join(parts)}</div>'
