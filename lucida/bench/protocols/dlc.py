"""DLC-Bench: detailed descriptions of single masks (NVIDIA, Describe Anything): 100 masks, 892 questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from lucida.bench.protocols.masks import MaskBench, MaskItem, read_questions
from lucida.bench.protocols.pictures import Pictures, annotation_folder, is_rle, plain_rle, read_json
from lucida.media.errors import InputError

FILES = ("annotations.json", "qa.json", "class_names.json")


class DLCBench(MaskBench):
    """Reads ``annotations.json`` (COCO with run lengths), ``qa.json`` and ``class_names.json`` as they are.

    Published figures (Llama-3.1-8B as a text-only judge): positive, negative and their mean.
    """

    name = "dlc"
    title = "DLC-Bench"
    licence = "CC BY-NC-SA 4.0"

    @classmethod
    def load(cls, data: Path, **options: Any) -> Self:
        """Read the folder (or its ``annotations``). No options.

        Raises:
            InputError: other files, or an unknown option.
        """
        if options:
            raise InputError(f"{cls.name}: unknown option {next(iter(options))!r}")
        folder = annotation_folder(data, FILES, cls.title)
        problems: list[str] = []
        document = read_json(folder / FILES[0], dict, problems)
        qa, names = (read_json(folder / name, dict, problems) for name in FILES[1:])
        pictures = {row.get("id"): row for row in document.get("images", []) if isinstance(row, dict)}
        finder, seen, items = Pictures(data, folder), set(), []
        for row in document.get("annotations", []):
            key = str(row.get("id")) if isinstance(row, dict) else repr(row)[:40]
            picture = pictures.get(row.get("image_id")) if isinstance(row, dict) else None
            problem = _problem(row, picture, key, seen, qa)
            if problem or picture is None:
                problems.append(f"annotations.json: {key}: {problem}; left out")
                continue
            seen.add(key)
            questions = read_questions(key, qa[key], problems)
            if key not in names:
                problems.append(f"class_names.json: {key}: no name; left out")
            elif questions:
                items.append(MaskItem(
                    key=key, picture=str(picture["id"]), path=finder.path(str(picture["file_name"])),
                    rle=plain_rle(row["segmentation"]), noun=str(names[key]), questions=questions,
                    truth=str(row.get("caption", "")),
                ))  # fmt: skip
        problems += [f"qa.json: {key}: no usable mask; left out" for key in qa if key not in seen]
        sources = [folder / name for name in FILES]
        items.sort(key=lambda item: item.picture)
        return cls(items, [*problems, *finder.problems()], sources, data)


def _problem(row: Any, picture: Any, key: str, seen: set[str], qa: dict[str, Any]) -> str:
    if not isinstance(row, dict):
        return "not an object"
    if picture is None or "file_name" not in picture:
        return f"no picture {row.get('image_id')!r}"
    if key in seen:
        return "duplicate id"
    if key not in qa:
        return "no questions in qa.json"
    rle = row.get("segmentation")
    if not is_rle(rle):
        return "segmentation is not a run-length mask"
    if [picture.get("height"), picture.get("width")] != list(rle["size"]):
        return f"mask is {rle['size']}, its picture {[picture.get('height'), picture.get('width')]}"
    return ""
