"""Scores of class maps: values worked out by hand, and what must hold for any maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.metrics.segmentation import VOID, SegmentationMeter, band, third_class


def test_a_hand_worked_data_set() -> None:
    """Two pictures; class 2 occurs nowhere and is left out of the mean; void is not scored."""
    meter = SegmentationMeter(3)
    meter.add(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, VOID]]))
    meter.add(np.array([[1, 1], [0, VOID]]), np.array([[1, 1], [0, 0]]))
    score = meter.score()
    # class 0: hits 2, truth 3, told 3 of scored pixels; class 1: hits 3, truth 4, told 3
    assert meter.confusion.tolist() == [[2, 0, 0, 1], [1, 3, 0, 0], [0, 0, 0, 0]]
    assert score.iou[:2].tolist() == pytest.approx([2 / 4, 3 / 4]) and np.isnan(score.iou[2])
    assert score.miou == pytest.approx(0.625)
    assert score.pixel_accuracy == pytest.approx(5 / 7) and score.undecided == pytest.approx(1 / 7)
    assert score.mean_accuracy == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert (score.pictures, score.pixels) == (2, 7)


def test_the_mean_is_over_the_data_set_not_over_pictures() -> None:
    meter = SegmentationMeter(2)
    meter.add(np.zeros((1, 9), int), np.zeros((1, 9), int))  # alone: mIoU 1
    meter.add(np.zeros((1, 1), int), np.ones((1, 1), int))  # alone: mIoU 0
    assert meter.score().iou.tolist() == pytest.approx([0.9, 0.0])


def test_the_band_is_two_pixels_on_each_side_and_not_the_frame() -> None:
    labels = np.zeros((5, 12), int)
    labels[:, 6:] = 1
    assert np.flatnonzero(band(labels)[2]).tolist() == [4, 5, 6, 7]
    assert not band(np.zeros((5, 12), int)).any()


def test_boundary_iou_by_hand() -> None:
    """A contour one pixel off, in rows of 12: bands 4..7 and 5..8."""
    truth, told = np.zeros((3, 12), int), np.zeros((3, 12), int)
    truth[:, 6:], told[:, 7:] = 1, 1
    meter = SegmentationMeter(2)
    meter.add(told, truth)
    # class 0: truth 4 5, told 5 6 -> 1 of 3; class 1: truth 6 7, told 7 8 -> 1 of 3
    assert meter.score().boundary_iou.tolist() == pytest.approx([1 / 3, 1 / 3])


def test_third_classes_are_wrong_and_not_from_next_door() -> None:
    truth = np.zeros((1, 20), int)
    truth[0, 10:] = 1
    told = truth.copy()
    told[0, 5], told[0, 4], told[0, 0], told[0, 19] = 1, 1, 2, VOID
    # column 5 is within five of class 1 (10), column 4 is not; class 2 is nowhere; void decides nothing
    assert np.flatnonzero(third_class(told, truth)[0]).tolist() == [0, 4]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_what_holds_for_any_maps(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, (7, 9))
    truth[rng.random((7, 9)) < 0.1] = VOID
    told = rng.integers(0, classes, (7, 9))
    meter, perfect = SegmentationMeter(classes), SegmentationMeter(classes)
    meter.add(told, truth)
    perfect.add(np.where(truth == VOID, 0, truth), truth)
    score, best = meter.score(), perfect.score()
    assert best.miou == 1 and best.pixel_accuracy == 1 and best.third_class == 0
    assert np.nanmin(best.boundary_iou, initial=1) == 1
    assert score.pixels == int((truth != VOID).sum())
    seen = np.isfinite(score.accuracy)
    assert (score.iou[seen] <= score.accuracy[seen] + 1e-12).all()
    assert score.third_class <= 1 - score.pixel_accuracy + 1e-12


@pytest.mark.parametrize(
    ("told", "truth", "words"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), "prediction is 3x2, truth is 2x3"),
        (np.full((2, 2), 7), np.zeros((2, 2), int), "prediction has id 7: want 0 to 2 or 255"),
        (np.zeros((2, 2), int), np.full((2, 2), -1), "truth has id -1"),
    ],
)
def test_bad_maps_are_named(told: np.ndarray, truth: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=f"a.png: {words}"):
        SegmentationMeter(3).add(told, truth, "a.png")
