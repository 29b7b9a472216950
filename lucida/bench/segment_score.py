"""Scoring saved class maps: two folders, paired by name, read exactly as they are. Nothing is skipped in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.segment_layouts import Ids, Layout
from lucida.media.errors import InputError
from lucida.metrics.segmentation import SegmentationMeter, SegmentationScore

SUFFIXES = (".png", ".npy")
_ENDINGS = (
    "_labelTrainIds",
    "_labelIds",
    "_leftImg8bit",
    "_pred",
)  # what tools leave on the names of predictions


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Files to compare, by picture; ``notes`` says what else lies in the folders."""

    files: dict[str, tuple[Path, Path]]  # prediction, truth
    truth_ids: Ids
    notes: tuple[str, ...]


def score_folders(
    layout: Layout, predictions: Path, truth: Path, *, ids: Ids = "train", only: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[SegmentationScore, Pairs]:  # fmt: skip
    """Exact data-set scores of every picture in ``truth``.

    Args:
        ids: numbering of the predictions. only: a file with one picture name per line; the others are left out.

    Raises:
        InputError: a picture without its pair, sizes that differ, an id out of range, a 16-bit or RGB mask, ...
    """
    pairs = find_pairs(layout, predictions, truth, only)
    meter = SegmentationMeter(layout.classes)
    other = "label" if ids == "train" else "train"
    for done, (key, (told_file, true_file)) in enumerate(pairs.files.items(), start=1):
        told, true = read_ids(told_file), _truth(layout, true_file, key)
        if told.shape != true.shape:
            sizes = [f"{values.shape[1]}x{values.shape[0]}" for values in (told, true)]
            raise InputError(f"{told_file}: {sizes[0]} pixels, but its truth {true_file} has {sizes[1]}")
        hint = f" (if predictions are in {other} ids: --ids {other})"
        told = layout.to_train(told, ids, str(told_file), hint)
        meter.add(told, layout.to_train(true, pairs.truth_ids, str(true_file)), str(told_file))
        progress(done, len(pairs.files))
    return meter.score(), pairs


def find_pairs(layout: Layout, predictions: Path, truth: Path, only: Path | None = None) -> Pairs:
    """Each truth file with its prediction, sorted by name; sub-folders are read too.

    Raises:
        InputError: no such folder, nothing in it, two files for one picture, or a picture in one folder only.
    """
    wanted = _listed(only, layout) if only is not None else None
    ending, true, left = _truth_files(layout, truth)
    told, ignored = _by_key(_files(predictions), lambda path: _told_key(path, layout), predictions)
    notes = [f"{truth}: {left} other files were not read"] if left else []
    notes += [f"{predictions}: {ignored} other files were not read"] if ignored else []
    if wanted is not None:
        if missing := sorted(wanted - set(true)):
            raise InputError(f"{only}: {missing[0]} has no truth in {truth}{_more(missing)}")
        outside = len(set(true) - wanted)
        notes += [f"{outside} pictures of {truth} are not in {only}"] if outside else []
        true = {key: path for key, path in true.items() if key in wanted}
        told = {key: path for key, path in told.items() if key in wanted}
    if missing := sorted(set(true) - set(told)):
        raise InputError(f"{true[missing[0]]}: no prediction for it in {predictions}{_more(missing)}")
    if extra := sorted(set(told) - set(true)):
        raise InputError(f"{told[extra[0]]}: no truth for it in {truth}{_more(extra)}")
    ids: Ids = "train" if ending in layout.train_endings else "label"
    files = {key: (told[key], true[key]) for key in sorted(true)}
    return Pairs(files=files, truth_ids=ids, notes=tuple(notes))


def read_ids(path: Path) -> np.ndarray:
    """(H, W) integers of a PNG (grey or palette, 8 bits) or an ``.npy`` file.

    Raises:
        InputError: not such a file; the line says what it is instead.
    """
    if path.suffix.lower() == ".npy":
        return _read_npy(path)
    picture, mode = _pixels(path)
    if mode not in ("L", "P", "1"):
        what = (
            "a 16-bit picture"
            if mode.startswith("I")
            else f"a picture of mode {mode}, with colours for classes"
        )
        raise InputError(f"{path}: {what}: want class ids in one channel of 8 bits (grey or palette)")
    return picture


def _read_npy(path: Path) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: not an .npy file that can be read: {' '.join(str(error).split())}"
        ) from error
    if (
        not isinstance(values, np.ndarray)
        or values.ndim != 2
        or not values.size
        or values.dtype.kind not in "ui"
    ):
        what = (
            f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else "several arrays"
        )
        raise InputError(f"{path}: want integers of shape (H, W), got {what}")
    return values.astype(np.int64)


def _pixels(path: Path) -> tuple[np.ndarray, str]:
    from lucida.media.picture_file import decode, open_picture

    with open_picture(path) as (picture, name):
        decode(picture, name)
        return np.asarray(picture), picture.mode


def _truth(layout: Layout, path: Path, key: str) -> np.ndarray:
    """Numbers of a truth file, in the numbering of its kind."""
    if layout.colours is None:
        return read_ids(path)
    picture, mode = _pixels(path)
    if mode != "RGB":
        raise InputError(f"{path}: a picture of mode {mode}: panoptic truth is RGB (r + 256 g + 65536 b)")
    if key not in layout.colours:
        raise InputError(f"{path}: the panoptic JSON says nothing about it")
    segments = (picture.astype(np.int64) * (1, 256, 65536)).sum(2)
    found, place = np.unique(segments, return_inverse=True)
    known = {0: 0, **layout.colours[key]}
    for segment in found:
        if int(segment) not in known:
            raise InputError(f"{path}: segment {segment} is not in the panoptic JSON")
    return np.array([known[int(s)] for s in found])[place].reshape(segments.shape)


def _truth_files(layout: Layout, folder: Path) -> tuple[str, dict[str, Path], int]:
    """(ending in use, truth files by picture, number of other files)."""
    every = _files(folder)
    for ending in layout.endings:
        fit = [p for p in every if p.suffix.lower() in SUFFIXES and p.stem.endswith(ending)]
        if fit:
            keyed, _ = _by_key(fit, lambda p, end=ending: layout.key(p.stem.removesuffix(end)), folder)
            return ending, keyed, len(every) - len(fit)
    names = " or ".join(f"*{ending}.png" for ending in layout.endings)
    raise InputError(f"{folder}: no files {names} in it (--layout {layout.name})")


def _told_key(path: Path, layout: Layout) -> str:
    stem = path.stem
    for ending in _ENDINGS if layout.name in ("cityscapes", "cocostuff") else ():
        stem = stem.removesuffix(ending)
    return layout.key(stem)


def _by_key(files: list[Path], key: Callable[[Path], str], folder: Path) -> tuple[dict[str, Path], int]:
    found: dict[str, Path] = {}
    ignored = 0
    for path in files:
        if path.suffix.lower() not in SUFFIXES:
            ignored += 1
        elif found.setdefault(key(path), path) != path:
            raise InputError(f"{path}: a second file for picture {key(path)}, beside {found[key(path)]}")
    if not found:
        raise InputError(f"{folder}: no .png or .npy files in it")
    return found, ignored


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: " + ("not a folder" if folder.exists() else "no such folder"))
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def _listed(path: Path, layout: Layout) -> set[str]:
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--only {path}: {getattr(error, 'strerror', None) or error}") from error
    if not lines:
        raise InputError(f"--only {path}: no names in it")
    return {layout.key(Path(line).name.removesuffix(".png")) for line in lines}


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def score_document(score: SegmentationScore, layout: Layout, pairs: Pairs, **facts: Any) -> dict[str, Any]:
    """The scores as a JSON document; what could not be measured is null."""

    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    single = ("miou", "pixel_accuracy", "mean_accuracy", "boundary_miou", "third_class", "undecided")
    rows = [
        {"id": i, "name": name, "iou": plain(score.iou[i]), "accuracy": plain(score.accuracy[i]),
         "boundary_iou": plain(score.boundary_iou[i])}
        for i, name in enumerate(layout.names)
    ]  # fmt: skip
    counts = {"pictures": score.pictures, "pixels": score.pixels}
    scores = {name: plain(getattr(score, name)) for name in single}
    return {"schema": "lucida/1", "protocol": "segment", "layout": layout.name, **facts, **counts, "scores": scores,
            "classes": rows, "truth_ids": pairs.truth_ids, "notes": list(pairs.notes)}  # fmt: skip
