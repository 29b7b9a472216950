"""The tower as an eye: right names on the example photographs, each frame on its own, heat where the thing is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.watch.bridge import Bridge
from lucida.watch.protocols import Tower
from lucida.watch.tower_view import TowerView, ViewConfig, heat_box, view_boxes

PHOTOS = {"cat": "cat", "coffee": "cup", "rocket": "rocket"}


@pytest.fixture(scope="module")
def view() -> TowerView:
    return TowerView(config=ViewConfig(dim=128))


@pytest.fixture(scope="module")
def photos() -> dict[str, np.ndarray]:
    folder = Path(__file__).parents[2] / "examples"
    return {name: Image.open(folder / f"{name}.jpg").pixels for name in PHOTOS}


def test_photographs_are_named_and_found_by_vector(view, photos) -> None:
    assert isinstance(view, Tower)
    bridge, seen = Bridge(), view.see(list(photos.values()))
    np.testing.assert_allclose(np.linalg.norm(seen.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(seen.classes.sum(1), 1, rtol=1e-4)
    for place, noun in enumerate(PHOTOS.values()):
        reading = bridge.read(noun)
        scores = bridge.scores(seen, reading)
        assert scores.argmax() == place and scores[place] > 4 and np.delete(scores, place).max() < 3
        assert (seen.vectors @ view.query_vector(reading.weights)).argmax() == place


def test_a_frame_is_seen_the_same_whatever_is_beside_it(view, photos) -> None:
    frames = list(photos.values())
    together, alone = view.see(frames), view.see(frames[1:2])
    np.testing.assert_array_equal(together.vectors[1], alone.vectors[0])
    np.testing.assert_array_equal(together.classes[1], alone.classes[0])
    assert view.see([]).vectors.shape == (0, 128)


def test_heat_is_where_the_thing_is(view, photos) -> None:
    weights = Bridge().read("cat").weights
    cat = np.asarray(Image.from_array(photos["cat"]).resized((160, 160)).pixels)
    frame = np.full((200, 400, 3), 127, np.uint8)
    frame[20:180, 220:380] = cat
    box = heat_box(view.locate(frame, weights))
    assert box is not None and box[0] >= 0.45 and box[2] > 0.6
    assert heat_box(np.zeros((3, 4))) is None


def test_the_box_is_of_the_cells_that_hang_together() -> None:
    heat = np.zeros((4, 8))
    heat[1:3, 1:3], heat[3, 7] = 1.0, 0.9
    assert heat_box(heat) == (1 / 8, 1 / 4, 3 / 8, 3 / 4)


@given(st.integers(1, 300), st.integers(1, 300), st.booleans(), st.booleans())
def test_views_lie_inside_and_cover_the_frame(height, width, crops, zoom) -> None:
    boxes = view_boxes(height, width, crops=crops, zoom=zoom)
    assert (boxes[0] == (0, 0, width, height) and len(set(boxes)) == len(boxes)) or min(height, width) == 1
    covered = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in boxes[1:]:
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        covered[y0:y1, x0:x1] = True
    if len(boxes) > 1 and min(height, width) > 20:
        assert covered.mean() > 0.75


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_frames_that_are_none_are_refused(view, frame) -> None:
    with pytest.raises(InputError, match="frame must be"):
        view.see([frame])
