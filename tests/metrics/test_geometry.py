from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.metrics.geometry import box_iou, mask_iou, set_iou, spans_iou, temporal_iou

UNIT = st.floats(0, 1, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    (x0, x1), (y0, y1) = (sorted((draw(UNIT), draw(UNIT))) for _ in range(2))
    return x0, y0, x1, y1


def test_box_iou_by_hand() -> None:
    assert box_iou([0, 0, 2, 2], [1, 1, 3, 3]) == pytest.approx(1 / 7)
    assert box_iou([0, 0, 1, 1], [1, 0, 2, 1]) == 0  # touching
    assert box_iou([0, 0, 4, 4], [1, 1, 3, 3]) == pytest.approx(0.25)
    table = box_iou(
        np.array([[0, 0, 2, 2], [0, 0, 1, 1]])[:, None], np.array([[0, 0, 2, 2], [5, 5, 6, 6], [0, 0, 1, 2]])
    )
    np.testing.assert_allclose(table, [[1, 0, 0.5], [0.25, 0, 0.5]])
    assert box_iou([1, 1, 1, 1], [1, 1, 1, 1]) == 1  # the same point
    assert box_iou([1, 1, 1, 1], [2, 2, 2, 2]) == 0


@given(boxes(), boxes())
def test_box_iou_properties(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    value = float(box_iou(a, b))
    assert 0 <= value <= 1 + 1e-12
    assert value == pytest.approx(float(box_iou(b, a)))
    assert float(box_iou(a, a)) == pytest.approx(1)


@given(st.lists(st.integers(0, 12), min_size=8, max_size=8))
def test_box_iou_is_mask_iou_of_painted_boxes(c: list[int]) -> None:
    painted, corners = [], []
    for k in (0, 4):
        (x0, x1), (y0, y1) = sorted(c[k : k + 2]), sorted(c[k + 2 : k + 4])
        mask = np.zeros((12, 12), bool)
        mask[y0:y1, x0:x1] = True
        painted.append(mask)
        corners.append((x0, y0, x1, y1))
    if painted[0].any() or painted[1].any():
        assert float(box_iou(*corners)) == pytest.approx(float(mask_iou(*painted)))


def test_mask_iou_by_hand() -> None:
    a, b = np.zeros((2, 3), bool), np.zeros((2, 3), bool)
    assert mask_iou(a, b) == 1
    a[0] = True
    assert mask_iou(a, b) == 0
    b[0, :2] = b[1, 0] = True
    assert mask_iou(a, b) == pytest.approx(2 / 4)
    assert mask_iou(np.stack([a, b]), a).tolist() == [1, 0.5]
    with pytest.raises(InputError, match="differ"):
        mask_iou(a, np.zeros((3, 3), bool))


def test_temporal_iou_by_hand() -> None:
    assert temporal_iou((0, 4), (2, 6)) == pytest.approx(1 / 3)
    assert temporal_iou((0, 1), (1, 2)) == 0
    assert temporal_iou((3, 3), (3, 3)) == 1
    assert temporal_iou((3, 3), (2, 4)) == 0
    assert temporal_iou([[0, 1], [0, 2]], [0, 2]).tolist() == [0.5, 1]


@given(st.lists(st.tuples(UNIT, UNIT).map(lambda t: (min(t), max(t))), min_size=2, max_size=2))
def test_one_span_each_agrees_with_spans_iou(spans: list[tuple[float, float]]) -> None:
    assert spans_iou(spans[:1], spans[1:]) == pytest.approx(float(temporal_iou(*spans)))


def test_spans_iou_by_hand() -> None:
    assert spans_iou([(0, 2), (1, 3)], [(0, 3)]) == 1
    assert spans_iou([(0, 1), (4, 5)], [(0, 5)]) == pytest.approx(0.4)
    assert spans_iou([], []) == 1
    assert spans_iou([], [(0, 1)]) == 0


def test_bad_input_names_what_is_wrong() -> None:
    with pytest.raises(InputError, match="inverted"):
        box_iou([2, 0, 1, 1], [0, 0, 1, 1])
    with pytest.raises(InputError, match="finite"):
        box_iou([0, 0, 1, float("nan")], [0, 0, 1, 1])
    with pytest.raises(InputError, match="shape"):
        box_iou([0, 0, 1], [0, 0, 1, 1])
    with pytest.raises(InputError, match="span"):
        temporal_iou((2, 1), (0, 1))


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_set_iou(a: set[int], b: set[int]) -> None:
    assert set_iou(a, a) == 1
    assert set_iou(a, b) == set_iou(b, a)
    if a or b:
        assert set_iou(a, b) == len(a & b) / (len(a) + len(b) - len(a & b))
