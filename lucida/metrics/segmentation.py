"""Scores of class maps over a whole data set: IoU per class, its mean, accuracies, boundaries, third classes.

One confusion matrix is summed over every picture and read at the end; a mean of per-picture scores would be another
number. A class that occurs neither in the truth nor in any prediction has no IoU (NaN) and is left out of the mean.

Shape legend: H, W pixels of a picture, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError

VOID = 255  # truth: not scored; prediction: no class was decided, which is never right
BAND = 2  # pixels from a contour that belong to its boundary
NEAR = 5  # pixels within which a wrong class may have been taken from a neighbour


@dataclass(frozen=True, kw_only=True)
class SegmentationScore:
    """What was measured. Shares are 0 to 1; NaN where nothing could be.

    Attributes:
        iou, accuracy: (C,) intersection over union, and share of a class's pixels that got it.
        boundary_iou: (C,) the same over pixels within ``BAND`` of a contour (Cheng et al., arXiv 2103.16562).
        miou, mean_accuracy, boundary_miou: means over the classes that have one.
        pixel_accuracy: share of scored pixels that are right.
        third_class: share of scored pixels whose class is wrong and true nowhere within ``NEAR`` pixels.
        undecided: share of scored pixels for which the prediction names no class.
        pictures, pixels: how many were scored.
    """

    iou: np.ndarray
    accuracy: np.ndarray
    boundary_iou: np.ndarray
    miou: float
    mean_accuracy: float
    boundary_miou: float
    pixel_accuracy: float
    third_class: float
    undecided: float
    pictures: int
    pixels: int


class SegmentationMeter:
    """Counts pictures one by one; :meth:`score` reads the sums.

    Attributes:
        confusion: (C, C + 1) int64 pixels; rows truth, columns prediction, the last one "no class".
    """

    def __init__(self, classes: int, *, details: bool = True) -> None:
        if not 1 <= classes <= 255:
            raise InputError(f"classes: want 1 to 255, got {classes}")
        self.classes, self.details = classes, details
        self.confusion = np.zeros((classes, classes + 1), np.int64)
        self._edges = np.zeros((3, classes + 1), np.int64)  # intersection, prediction, truth
        self._third = self._pictures = 0

    def add(self, prediction: np.ndarray, truth: np.ndarray, name: str = "class map") -> None:
        """Count one picture: two (H, W) arrays of class numbers, ``VOID`` as described there.

        Raises:
            InputError: shapes differ, or a number is no class; the line starts with ``name``.
        """
        if prediction.shape != truth.shape or truth.ndim != 2:
            raise InputError(f"{name}: prediction is {_by(prediction)}, truth is {_by(truth)}")
        for words, values in (("prediction", prediction), ("truth", truth)):
            wrong = values[(values != VOID) & ((values < 0) | (values >= self.classes))]
            if wrong.size:
                raise InputError(
                    f"{name}: {words} has id {wrong.flat[0]}: want 0 to {self.classes - 1} or {VOID}"
                )
        valid = truth != VOID
        told = np.where(prediction == VOID, self.classes, prediction).astype(np.int64)
        pairs = truth[valid].astype(np.int64) * (self.classes + 1) + told[valid]
        self.confusion += np.bincount(pairs, minlength=self.confusion.size).reshape(self.confusion.shape)
        self._pictures += 1
        if self.details:
            self._add_boundary(told, truth, valid)
            self._third += int(third_class(prediction, truth).sum())

    def _add_boundary(self, told: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> None:
        # The truth's void is put into the prediction too: its outline is nobody's mistake.
        theirs, ours = band(np.where(valid, truth, -1)), band(np.where(valid, told, -1))
        both = valid & theirs & ours & (told == truth)
        for row, values in enumerate((truth[both], told[valid & ours], truth[valid & theirs])):
            self._edges[row] += np.bincount(values.astype(np.int64), minlength=self.classes + 1)

    def score(self) -> SegmentationScore:
        """The scores of everything added so far."""
        counts = self.confusion
        hits = np.diag(counts)
        truth, told = counts.sum(1), counts.sum(0)[:-1]
        iou, accuracy = _ratio(hits, truth + told - hits), _ratio(hits, truth)
        edges = self._edges[:, :-1]
        boundary = _ratio(edges[0], edges[1] + edges[2] - edges[0])
        pixels = int(counts.sum())
        return SegmentationScore(
            iou=iou, accuracy=accuracy, boundary_iou=boundary, miou=_mean(iou), mean_accuracy=_mean(accuracy),
            boundary_miou=_mean(boundary), pixel_accuracy=_share(hits.sum(), pixels),
            third_class=_share(self._third, pixels) if self.details else float("nan"),
            undecided=_share(counts[:, -1].sum(), pixels), pictures=self._pictures, pixels=pixels,
        )  # fmt: skip


def band(labels: np.ndarray, width: int = BAND) -> np.ndarray:
    """(H, W) bool: pixels with another label within ``width`` (in a square); the picture's edge is no contour."""
    return _extreme(labels, width, np.maximum) != _extreme(labels, width, np.minimum)


def third_class(prediction: np.ndarray, truth: np.ndarray, near: int = NEAR) -> np.ndarray:
    """(H, W) bool: wrong pixels whose class is true nowhere within ``near`` pixels (in a square).

    A contour drawn a little off takes a neighbour's class; a flow that passes through another class's cell, or stops
    between two codes, takes one that is not there. Void truth and undecided pixels do not count.
    """
    found = np.zeros(truth.shape, bool)
    wrong = (truth != VOID) & (prediction != VOID) & (prediction != truth)
    for label in np.unique(prediction[wrong]):
        found |= wrong & (prediction == label) & ~_extreme(truth == label, near, np.maximum)
    return found


def _extreme(values: np.ndarray, radius: int, pick: np.ufunc) -> np.ndarray:
    """Largest or smallest value in the (2 radius + 1)² square around each pixel, inside the picture."""
    for axis in (0, 1):
        best = values.copy()
        for step in range(1, min(radius, values.shape[axis] - 1) + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            for here, there in ((tuple(ahead), tuple(behind)), (tuple(behind), tuple(ahead))):
                best[here] = pick(best[here], values[there])
        values = best
    return values


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _by(values: np.ndarray) -> str:
    return f"{values.shape[1]}x{values.shape[0]}" if values.ndim == 2 else f"an array of shape {values.shape}"


__all__ = ["BAND", "NEAR", "VOID", "SegmentationMeter", "SegmentationScore", "band", "third_class"]
