"""How each data set stores its class maps: which files, what their numbers mean, and which of them are scored.

Two numberings are told apart. *Train ids* are 0 to C-1 with 255 for "not scored", what networks give and what most
tools save. *Label ids* are those of the official files, and of submissions to their servers. Nothing is guessed from
values: a prediction is in train ids unless the caller says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lucida.media.errors import InputError
from lucida.metrics.segmentation import VOID

Ids = Literal["train", "label"]
CITYSCAPES = (
    "road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky person rider car truck "
    "bus train motorcycle bicycle"
).split()
# By train id, of the label ids 0 to 33.
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # fmt: skip
VOC = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()
COCOSTUFF_UNUSED = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)  # of the 182 stored values, category id - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """A data set's conventions.

    Attributes:
        name: as asked for. names: of the classes, in train-id order.
        table: (K,) train id of each label id, ``VOID`` for those not scored, -1 for those that do not exist.
        endings: what ends the names of truth files, before ``.png``; the first that occurs is used, "" is any.
        train_endings: those of them whose files hold train ids.
        key: from a file's stem without its ending to what a picture is called.
        colours: from the r + 256 g + 65536 b of a truth picture to label ids, where truth is stored so.
    """

    name: str
    names: tuple[str, ...]
    table: np.ndarray
    endings: tuple[str, ...] = ("",)
    train_endings: tuple[str, ...] = ()
    key: Callable[[str], str] = staticmethod(lambda stem: stem)
    colours: dict[str, dict[int, int]] | None = None

    @property
    def classes(self) -> int:
        """How many are scored."""
        return len(self.names)

    def to_train(self, values: np.ndarray, ids: Ids, where: str, hint: str = "") -> np.ndarray:
        """(H, W) numbers of a file as (H, W) uint8 train ids.

        Raises:
            InputError: a number that the numbering does not have; the line names it and ``where``.
        """
        table = self.table
        if ids == "train":
            table = np.full(256, -1, np.int64)
            table[: self.classes] = np.arange(self.classes)
            table[VOID] = VOID
        inside = (values >= 0) & (values < len(table))
        mapped = table[np.where(inside, values, 0)]
        wrong = ~inside | (mapped < 0)
        if wrong.any():
            known = (
                f"0 to {self.classes - 1} or {VOID}" if ids == "train" else f"the label ids of {self.name}"
            )
            raise InputError(f"{where}: id {values[wrong].flat[0]} is out of range: want {known}{hint}")
        return mapped.astype(np.uint8)


def layout_of(name: str, truth: Path, *, classes: int | None = None) -> Layout:
    """The conventions called ``name`` for the folder ``truth``.

    Raises:
        InputError: no such layout, ``classes`` missing or unwanted, or a panoptic JSON that is not there or damaged.
    """
    if (classes is not None) != (name == "plain"):
        raise InputError(
            f"--layout {name}: " + ("needs --classes" if classes is None else "has its own classes")
        )
    if name == "plain":
        assert classes is not None
        if not 1 <= classes <= 255:
            raise InputError(f"--classes {classes}: want 1 to 255")
        return Layout(name=name, names=_numbered(classes), table=_table({i: i for i in range(classes)}, 256))
    if name == "ade20k":  # 0 is "other": what `reduce_zero_label` means
        table = _table({0: VOID, **{i: i - 1 for i in range(1, 151)}}, 151)
        return Layout(name=name, names=_numbered(150), table=table)
    if name == "cityscapes":
        table = np.full(34, VOID)
        table[list(CITYSCAPES_IDS)] = np.arange(len(CITYSCAPES_IDS))
        endings = (
            "_gtFine_labelIds",
            "_gtFine_labelTrainIds",
            "_gtCoarse_labelIds",
            "_gtCoarse_labelTrainIds",
        )
        return Layout(name=name, names=tuple(CITYSCAPES), table=table, endings=endings,
                      train_endings=endings[1::2], key=_frame)  # fmt: skip
    if name == "cocostuff":
        kept = [i for i in range(182) if i not in COCOSTUFF_UNUSED]
        table = _table({255: VOID, **{old: new for new, old in enumerate(kept)}}, 256)
        return Layout(name=name, names=_numbered(len(kept)), table=table, endings=("_labelTrainIds", ""),
                      train_endings=("_labelTrainIds",))  # fmt: skip
    if name == "voc":
        return Layout(
            name=name, names=tuple(VOC), table=_table({255: VOID, **{i: i for i in range(21)}}, 256)
        )
    if name == "coco":
        return _panoptic(truth)
    raise InputError(f"--layout {name}: want ade20k, cityscapes, cocostuff, voc, coco or plain")


def _frame(stem: str) -> str:
    """City, sequence and frame of a Cityscapes file name, whatever a tool appended."""
    return "_".join(stem.split("_")[:3])


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _table(known: dict[int, int], length: int) -> np.ndarray:
    table = np.full(length, -1, np.int64)
    for old, new in known.items():
        table[old] = new
    if length == 256 and table[255] < 0:
        table[255] = VOID
    return table


def _panoptic(truth: Path) -> Layout:
    """COCO panoptic: RGB segment ids, and a JSON of the folder's name beside it that says each segment's category."""
    path = truth.with_name(truth.name + ".json")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        categories = [(int(row["id"]), str(row["name"])) for row in data["categories"]]
        colours = {
            Path(row["file_name"]).stem: {int(s["id"]): int(s["category_id"]) for s in row["segments_info"]}
            for row in data["annotations"]
        }
    except FileNotFoundError:
        raise InputError(
            f"--layout coco: no such file: {path} (it says the categories of the segments)"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a COCO panoptic file: {type(error).__name__} {error}") from error
    if not categories or min(categories)[0] < 1 or len(categories) > 254:
        raise InputError(f"{path}: want 1 to 254 categories with ids from 1")
    known = {0: VOID, **{identity: new for new, (identity, _) in enumerate(categories)}}
    table = _table(known, max(known) + 1)
    return Layout(name="coco", names=tuple(n for _, n in categories), table=table, colours=colours)
