"""What the three parts of GAR-Bench share: items with several regions of one picture, read from the official files.

Prompts cite regions as ``<Prompt0>``, ``<Prompt1>``, …: the n-th run-length mask of the item, counted from zero.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from lucida.bench.protocol import Protocol
from lucida.bench.protocols.choices import RecordedVerdicts
from lucida.bench.protocols.pictures import (
    Pictures,
    annotation_folder,
    is_rle,
    load_json_or_none,
    plain_rle,
    read_json,
)
from lucida.bench.records import MediaRef, Reply, Request, Status, replies_of
from lucida.media.errors import InputError


@dataclass(frozen=True, kw_only=True)
class RegionItem:
    """One question about regions of one picture. ``raw`` is the official record without its masks."""

    key: str
    path: str
    rles: tuple[Mapping[str, Any], ...]
    raw: Mapping[str, Any]


class GARBench(Protocol):
    """One of the three parts; a subclass says what is asked and how a reply is scored."""

    licence = "Apache-2.0; pictures from public research sets"
    parser = "1"
    headline = "accuracy"
    file: ClassVar[str] = ""
    fields: ClassVar[tuple[str, ...]] = ()  # of a record, beside image and mask_rles
    task: ClassVar[Literal["ask", "describe"]] = "ask"
    max_tokens: ClassVar[int] = 256

    items: tuple[RegionItem, ...]

    @classmethod
    def load(cls, data: Path, **options: Any) -> Self:
        """Read the folder (or its ``annotations``). No options.

        Raises:
            InputError: other files, or an unknown option.
        """
        if options:
            raise InputError(f"{cls.name}: unknown option {next(iter(options))!r}")
        folder = annotation_folder(data, [cls.file], cls.title)
        found, problems = cls(), []
        finder = Pictures(data, folder)
        items, seen = [], set()
        for n, row in enumerate(read_json(folder / cls.file, list, problems)):
            problem = cls.problem_of(row, seen)
            if problem:
                problems.append(f"{cls.file}[{n}]: {problem}; left out")
                continue
            key = picture_key(row["image"])
            seen.add(key)
            items.append(RegionItem(
                key=key, path=finder.path(row["image"]), rles=tuple(map(plain_rle, row["mask_rles"])),
                raw={name: value for name, value in row.items() if name != "mask_rles"},
            ))  # fmt: skip
        if not items:
            raise InputError(f"{folder / cls.file}: no item could be read")
        found.items, found.data, found.sources = tuple(items), data, (folder / cls.file,)
        found.problems = (*problems, *finder.problems())
        return found

    @classmethod
    def problem_of(cls, row: Any, seen: set[str]) -> str:
        """Why a record cannot be used; empty where it can. ``seen``: the keys so far."""
        if not isinstance(row, dict):
            return "not an object"
        missing = [name for name in ("image", "mask_rles", *cls.fields) if name not in row]
        if missing:
            return f"no {missing[0]}"
        if not isinstance(row["image"], str) or picture_key(row["image"]) in seen:
            return f"image {row['image']!r} is not a name of its own"
        if (
            not isinstance(row["mask_rles"], list)
            or not row["mask_rles"]
            or not all(map(is_rle, row["mask_rles"]))
        ):
            return "mask_rles are not run-length masks"
        if len({tuple(rle["size"]) for rle in row["mask_rles"]}) > 1:
            return "masks differ in size"
        return ""

    @abstractmethod
    def prompt(self, item: RegionItem) -> str:
        """What is asked."""

    def meta(self, item: RegionItem) -> dict[str, Any]:
        """Breakdown keys of an item."""
        return {"regions": len(item.rles)}

    def requests(self) -> Sequence[Request]:
        """One request per item, with all of its regions in order."""
        return [
            Request(
                id=item.key, item=item.key, cluster=item.path, prompt=f"{legend(len(item.rles))}\n{self.prompt(item)}",
                regions=item.rles,
                media=(MediaRef(path=item.path, kind="image"),), task=self.task, meta=self.meta(item),
                max_tokens=self.max_tokens,
            )
            for item in self.items
        ]  # fmt: skip

    def read_predictions(self, path: Path) -> tuple[dict[str, Reply], list[str]]:
        """Also the released files: the official records, each with a ``model_output``."""
        document = load_json_or_none(path)
        rows = document if isinstance(document, list) else []
        if not any(isinstance(row, dict) and "model_output" in row for row in rows):
            return super().read_predictions(path)
        texts: dict[str, str] = {}
        problems: list[str] = []
        for n, row in enumerate(rows):
            key = picture_key(str(row.get("image", ""))) if isinstance(row, dict) else ""
            if not key or key in texts or not isinstance(row.get("model_output"), str):
                problems.append(
                    f"{path.name}[{n}]: no model_output of its own for {key or 'a picture'}; left out"
                )
                continue
            texts[key] = row["model_output"]
        return replies_of(texts, path.stem), problems

    def read_verdicts(self, path: Path) -> RecordedVerdicts:
        """A judge that repeats the verdicts (``eval_result``) of a released evaluation file.

        Raises:
            InputError: not such a file.
        """
        document = load_json_or_none(path)
        rows = document if isinstance(document, list) else []
        raw = {
            picture_key(str(row["image"])): str(row["eval_result"])
            for row in rows if isinstance(row, dict) and "image" in row and "eval_result" in row
        }  # fmt: skip
        if not raw:
            raise InputError(f"{path}: holds no verdicts (eval_result)")
        return RecordedVerdicts(raw, name=f"recorded:{path.name}")


def picture_key(image: str) -> str:
    """The picture's name without folder and suffix: one item per picture in every part."""
    return image.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def reply_status(reply: Reply | None) -> tuple[Status, str]:
    """What can be said of a reply before it is read, and why."""
    if reply is None:
        return "missing", ""
    if reply.error is not None:
        return "error", reply.error
    return ("ok", "") if reply.raw.strip() else ("unparsed", "empty reply")


def local_marks(text: str) -> str:
    """``<Prompt0>`` as ``<1>``, ``<Prompt1>`` as ``<2>``, …: the marks that Lucida's own systems are asked with."""
    return re.sub(r"<[Pp]rompt(\d+)>", lambda mark: f"<{int(mark.group(1)) + 1}>", text)


def prompt_marks(text: str) -> str:
    """The other way: ``<1>`` as ``<Prompt0>``, for replies of systems that were asked with :func:`local_marks`."""
    return re.sub(r"<(\d+)>", lambda mark: f"<Prompt{int(mark.group(1)) - 1}>", text)


def legend(count: int) -> str:
    """Which mark of the text is which number in the picture, where regions are outlined and numbered from 1."""
    pairs = ", ".join(f"<Prompt{n}> is region {n + 1}" for n in range(count))
    return f"Marks: {pairs}."
