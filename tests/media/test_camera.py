"""A worse camera keeps a picture's size and place, and takes its detail."""

from __future__ import annotations

import numpy as np

from lucida.media.camera import worse_camera


def checked(side: int) -> np.ndarray:
    """A chessboard of single pixels on the left half, grey on the right."""
    y, x = np.mgrid[:side, : side * 2]
    board = np.where(x < side, (x + y) % 2 * 255, 128).astype(np.uint8)
    return np.repeat(board[..., None], 3, axis=2)


def test_detail_goes_and_the_picture_stays() -> None:
    pixels = checked(192)
    for seed in range(20):
        worse = worse_camera(pixels, np.random.default_rng(seed))
        assert worse.shape == pixels.shape and worse.dtype == np.uint8
        left = worse[:, :180].astype(float)
        assert left.std() < 0.9 * pixels[:, :180].std()
        assert abs(left.mean() - 127.5) < 12  # brightness is kept
        assert abs(worse[:, 210:].astype(float).mean() - 128) < 12


def test_it_is_a_function_of_its_numbers() -> None:
    pixels = checked(64)
    first, again, other = (worse_camera(pixels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_small_pictures_are_not_made_smaller() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 3), dtype=np.uint8)
    assert worse_camera(pixels, np.random.default_rng(0)).shape == (5, 40, 3)
