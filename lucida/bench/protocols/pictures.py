"""What the picture protocols share: finding annotation folders and pictures, reading JSON and run lengths with care."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from lucida.media.errors import InputError

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def annotation_folder(data: Path, wanted: Sequence[str], what: str) -> Path:
    """The folder of ``data`` (itself, or its ``annotations``) that holds every file in ``wanted``.

    Raises:
        InputError: neither does.
    """
    for folder in (data, data / "annotations"):
        if all((folder / name).is_file() for name in wanted):
            return folder
    raise InputError(f"--data {data}: not {what}: no {' and '.join(wanted)} here or in annotations/")


def read_json(path: Path, kind: type, problems: list[str]) -> Any:
    """The JSON document in ``path``. Keys that occur twice are named in ``problems``; the last one counts.

    Raises:
        InputError: unreadable, not JSON, or its top level is not a ``kind``.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            twice = [key for key, _ in items if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
            problems.append(f"{path.name}: key {twice[0]!r} occurs twice; the last counts")
        return found

    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=pairs)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, kind):
        raise InputError(f"{path}: top level is {type(document).__name__}, want {kind.__name__}")
    return document


def is_rle(rle: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether ``rle`` is a readable, non-empty COCO run-length mask."""
    from pycocotools import mask as coco

    if not isinstance(rle, Mapping) or not isinstance(rle.get("counts"), str):
        return False
    size = rle.get("size")
    if not (
        isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(v, int) and v > 0 for v in size)
    ):
        return False
    try:  # the area needs no decoding: hundreds of masks stay a matter of milliseconds
        area = int(coco.area({"size": list(size), "counts": rle["counts"].encode("ascii")}))
    except (UnicodeEncodeError, ValueError, TypeError):
        return False
    return 0 < area <= size[0] * size[1]


def plain_rle(rle: Mapping[str, Any]) -> dict[str, Any]:
    """The two fields of a run-length mask."""
    return {"size": [int(v) for v in rle["size"]], "counts": rle["counts"]}


class Pictures:
    """Where the pictures of a data set are. Missing ones are remembered, and their first likely path is given."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data = data
        roots = [folder / "images", folder, data / "images", data]
        self._names: dict[str, str] = {}
        for root in dict.fromkeys(roots):
            if root.is_dir():
                for path in root.iterdir():
                    if path.suffix.lower() in _SUFFIXES:
                        self._names.setdefault(path.name, path.relative_to(data).as_posix())
        self._wanted: dict[str, bool] = {}

    def path(self, name: str) -> str:
        """The path of picture ``name`` relative to the data folder. Another suffix will do (PNG kept as JPEG)."""
        name = name.rsplit("/", 1)[-1]
        stem = name.rsplit(".", 1)[0]
        for candidate in (name, *(stem + suffix for suffix in _SUFFIXES)):
            if candidate in self._names:
                self._wanted[name] = True
                return self._names[candidate]
        self._wanted[name] = False
        return f"images/{name}"

    def problems(self) -> list[str]:
        """One line about missing pictures, if there are any."""
        missing = sorted(name for name, found in self._wanted.items() if not found)
        if not missing:
            return []
        few = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        return [
            f"{len(missing)} of {len(self._wanted)} pictures are missing: {few}; only saved replies can be scored"
        ]


def caption_file(document: Any) -> dict[str, str] | None:
    """Captions by key from an official file: flat {key: caption} or an evaluation file {key: {"pred": caption}}."""
    if not isinstance(document, dict):
        return None
    found: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and isinstance(value.get("pred"), str):
            found[key] = value["pred"]
        elif isinstance(value, str):
            found[key] = value
        elif not isinstance(value, int | float):  # the averages of an evaluation file
            return None
    return found


def load_json_or_none(path: Path) -> Any:
    """The document in ``path``, or ``None`` where it is a folder, or not one JSON document (JSON lines, say)."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
