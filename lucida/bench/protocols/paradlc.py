"""ParaDLC-Bench: many masks of one picture described at once (PerceptionDLM): 299 masks of 100 pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from lucida.bench.protocols.dlc import FILES
from lucida.bench.protocols.masks import MaskBench, MaskItem, read_questions
from lucida.bench.protocols.pictures import Pictures, annotation_folder, is_rle, plain_rle, read_json
from lucida.bench.records import Reply
from lucida.media.errors import InputError


class ParaDLCBench(MaskBench):
    """Quality as in DLC-Bench, and what it cost: seconds, tokens per pass, regions per pass.

    Keys are ``{image_id}_{index}``; ``bbox`` is x0, y0, x1, y1 in pixels and is not used, masks are. The masks of a
    picture share a group, so that a model may describe them in one decode; ``regions_per_pass`` bounds the group.
    The published judge (GPT-5.2) also sees crops of picture and mask; a text judge does not, and a note says so.
    """

    name = "paradlc"
    title = "ParaDLC-Bench"
    licence = "Apache-2.0"
    recognition = (
        "The region shows this: {noun}. Could the description be of it, or of a similar kind of thing?"
    )

    regions_per_pass: int | None = None

    @classmethod
    def load(cls, data: Path, *, regions_per_pass: int | None = None, **options: Any) -> Self:
        """Read the folder (or its ``annotations``).

        Args:
            regions_per_pass: most regions of a picture in one group; all of them by default.

        Raises:
            InputError: other files, or an unknown option.
        """
        if options:
            raise InputError(f"{cls.name}: unknown option {next(iter(options))!r}")
        if regions_per_pass is not None:
            regions_per_pass = _positive(regions_per_pass)
        folder = annotation_folder(data, FILES, cls.title)
        problems: list[str] = []
        document = read_json(folder / FILES[0], list, problems)
        qa, names = (read_json(folder / name, dict, problems) for name in FILES[1:])
        finder, seen, items = Pictures(data, folder), set(), []
        for n, picture in enumerate(document):
            if not isinstance(picture, dict) or not {"file_name", "image_id", "height", "width"} <= set(
                picture
            ):
                problems.append(f"annotations.json: picture {n}: a field is missing; left out")
                continue
            path = finder.path(str(picture["file_name"]))
            for row in picture.get("annotations", []):
                key = f"{picture['image_id']}_{row.get('index') if isinstance(row, dict) else row!r}"
                problem = _problem(row, picture, key, seen, qa, names)
                if problem:
                    problems.append(f"annotations.json: {key}: {problem}; left out")
                    continue
                seen.add(key)
                if questions := read_questions(key, qa[key], problems):
                    items.append(MaskItem(
                        key=key, picture=str(picture["image_id"]), path=path, rle=plain_rle(row["mask_rle"]),
                        noun=str(names[key]), questions=questions, truth=str(row.get("caption", "")),
                    ))  # fmt: skip
        problems += [f"qa.json: {key}: no usable mask; left out" for key in qa if key not in seen]
        found = cls(items, [*problems, *finder.problems()], [folder / name for name in FILES], data)
        found.regions_per_pass = regions_per_pass
        return found

    def group(self, item: MaskItem) -> str:
        """The picture, or the part of it that fits ``regions_per_pass``."""
        if self.regions_per_pass is None:
            return item.picture
        if not hasattr(self, "_place"):
            counts: dict[str, int] = {}
            self._place: dict[str, int] = {}
            for each in self.items:
                self._place[each.key] = counts.setdefault(each.picture, 0)
                counts[each.picture] += 1
        return f"{item.picture}/{self._place[item.key] // self.regions_per_pass}"

    def costs(self, replies: Mapping[str, Reply]) -> dict[str, float]:
        """What the replies to this data cost. See :func:`parallel_costs`."""
        return parallel_costs([replies[item.key] for item in self.items if item.key in replies])

    def notes(self) -> Sequence[str]:
        """How the published judge differs."""
        return (
            "the published judge sees crops of picture and mask; the one here reads the description alone",
        )


def parallel_costs(replies: Sequence[Reply]) -> dict[str, float]:
    """``seconds`` in all, ``regions_per_decode``, ``passes``, ``tokens_per_pass`` and ``regions_per_pass``.

    ``reply.cost`` may hold ``regions`` and ``passes`` of the decode that a reply came from, shared by all of its
    replies: each stands for 1/regions of a decode. ``seconds`` are a reply's own share. Published "TPF" is
    ``regions_per_decode`` with as many steps as slots, with filler counted; here tokens are those that were written.
    A figure that some reply lacks is left out rather than guessed.
    """
    done = [reply for reply in replies if reply.error is None]
    found: dict[str, float] = {}
    if not done:
        return found
    seconds = [reply.seconds for reply in done if reply.seconds is not None]
    if len(seconds) == len(done):
        found["seconds"] = sum(seconds)
    if all(reply.cost.get("regions", 0) >= 1 for reply in done):
        share = [1 / reply.cost["regions"] for reply in done]
        found["regions_per_decode"] = len(done) / sum(share)
        if all(reply.cost.get("passes", 0) > 0 for reply in done):
            passes = sum(reply.cost["passes"] * part for reply, part in zip(done, share, strict=True))
            found |= {"passes": passes, "regions_per_pass": len(done) / passes}
            tokens = [reply.tokens for reply in done if reply.tokens is not None]
            if len(tokens) == len(done):
                found["tokens_per_pass"] = sum(tokens) / passes
    return found


def _positive(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise InputError(f"regions_per_pass is {value!r}, want a whole number of at least 1")
    return number


def _problem(
    row: Any,
    picture: dict[str, Any],
    key: str,
    seen: set[str],
    qa: Mapping[str, Any],
    names: Mapping[str, Any],
) -> str:
    if not isinstance(row, dict) or "index" not in row:
        return "not an annotation with an index"
    if key in seen:
        return "duplicate key"
    if key not in qa:
        return "no questions in qa.json"
    if key not in names:
        return "no name in class_names.json"
    if not is_rle(row.get("mask_rle")):
        return "mask_rle is not a run-length mask"
    if list(row["mask_rle"]["size"]) != [picture["height"], picture["width"]]:
        return f"mask is {row['mask_rle']['size']}, its picture {[picture['height'], picture['width']]}"
    return ""
