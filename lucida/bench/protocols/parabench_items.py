"""What ParaBench's files and replies hold: tasks to think about and draw, words with a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lucida.media.errors import InputError
from lucida.media.image import Image

FILES = ("ParaBench.jsonl", "ParaBench.json", "parabench.jsonl", "parabench.json")
GENERATION = "generation"  # every other category is an edit of a picture
NEAR = 24  # levels of 255 by which a drawn pixel may differ and still be the same


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a reply holds: words, and the file of the picture (None: there is none)."""

    text: str
    image: Path | None


@dataclass(frozen=True, kw_only=True)
class DrawItem:
    """One task. World-made ones know the ``things`` of the result, its picture, and the ``mask`` that may change."""

    key: str
    category: str
    instruction: str
    image: str = ""
    truth: str = ""
    things: tuple[tuple[int, str | None, str], ...] = ()
    result: str = ""
    mask: str = ""

    @property
    def edit(self) -> bool:
        """Whether there is a picture to change."""
        return self.category != GENERATION


def read_drawn(raw: str, data: Path) -> Drawn:
    """A reply: plain words, or a JSON object with ``text`` and ``image`` (a path, relative to the data folder)."""
    try:
        document = json.loads(raw)
    except ValueError:
        return Drawn(text=raw.strip(), image=None)
    if not isinstance(document, dict) or not isinstance(document.get("text", ""), str):
        return Drawn(text=raw.strip(), image=None)
    image = document.get("image")
    file = data / image if isinstance(image, str) and image else None
    return Drawn(text=document.get("text", "").strip(), image=file)


def read_rows(path: Path) -> list[Any]:
    """The objects of a JSON list, or of JSON lines (None for a line that is not JSON).

    Raises:
        InputError: it cannot be read, or a .json file holds no list.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            document = json.loads(text)
            if not isinstance(document, list):
                raise InputError(f"{path}: top level is {type(document).__name__}, want list")
            return document
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    rows: list[Any] = []
    for line in filter(str.strip, text.splitlines()):
        try:
            rows.append(json.loads(line))
        except ValueError:
            rows.append(None)
    return rows


def read_item(row: Any, names: Mapping[str, str], number: int) -> DrawItem | str:
    """A task, or what is wrong with it."""
    if not isinstance(row, dict):
        return "not a JSON object"
    instruction, image = row.get(names["instruction"]), row.get(names["image"]) or ""
    category = str(row.get(names["category"]) or ("general" if image else GENERATION)).strip().lower()
    if not isinstance(instruction, str) or not instruction.strip():
        return f"no {names['instruction']}"
    if not isinstance(image, str) or (category != GENERATION and not image):
        return f"an edit without {names['image']}"
    world = row.get("world")
    world = world if isinstance(world, dict) else {}
    things = tuple((int(n), colour, str(noun)) for n, colour, noun in world.get("things", ()))
    return DrawItem(
        key=str(row.get(names["id"], number)), category=category, instruction=instruction.strip(), things=things,
        image=image if category != GENERATION else "",
        **{name: str(world.get(name, "")) for name in ("truth", "result", "mask")},
    )  # fmt: skip


def read_pixels(path: Path | None) -> tuple[np.ndarray | None, str]:
    """(H, W, 3) pixels of an output picture, or why there are none."""
    if path is None:
        return None, "no picture"
    try:
        return Image.open(path).pixels, ""
    except InputError as error:
        return None, str(error)


def same_pixels(output: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(H, W) bool: which pixels of ``output``, brought to the size of ``true``, are the true ones."""
    if output.shape != true.shape:
        output = Image(output).resized(true.shape[:2]).pixels
    return np.abs(output.astype(np.int16) - true.astype(np.int16)).max(axis=-1) <= NEAR
