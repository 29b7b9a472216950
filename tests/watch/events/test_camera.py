"""A moving camera is told from a still one with things that move before it."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.media.colours import oklab
from lucida.watch.events.camera import camera_moves
from lucida.watch.events.happenings import see_shot

RATE = 6


def street(seed: int = 0, width: int = 400) -> np.ndarray:
    """(72, width, 3) uint8 with texture everywhere."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 210, (18, width // 4, 1)).repeat(4, 0).repeat(4, 1)
    return np.clip(coarse + rng.integers(-6, 7, (72, width, 3)), 0, 255).astype(np.uint8)


def panned(speed: float, seconds: float = 4.0, noise: int = 3) -> np.ndarray:
    """(T, 72, 96, 3): the street seen by a camera that moves ``speed`` small pixels a second, with noise."""
    rng, view = np.random.default_rng(1), street()
    starts = [round(speed * k / RATE) for k in range(round(seconds * RATE))]
    frames = [view[:, x : x + 96].astype(int) + rng.integers(-noise, noise + 1, (72, 96, 3)) for x in starts]
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


def moves(small: np.ndarray) -> bool:
    return camera_moves(np.arange(len(small)) / RATE, oklab(small).astype(np.float32))


def with_box(small: np.ndarray, side: int, speed: int) -> np.ndarray:
    small = small.copy()
    for k, frame in enumerate(small):
        frame[10 : 10 + side, max(0, speed * k - side) : max(0, speed * k)] = (214, 32, 36)
    return small


@pytest.mark.parametrize("speed", [6, 20, 60])
def test_a_pan_is_a_moving_camera(speed: float) -> None:
    assert moves(panned(speed))


def test_a_pan_of_two_seconds_and_a_half_in_a_long_shot_is_one() -> None:
    assert moves(np.concatenate([panned(0, 8), panned(40, 2.5), panned(0, 4)]))


def test_a_still_camera_with_noise_things_and_changing_light_is_none() -> None:
    still = panned(0)
    assert not moves(still)
    assert not moves(with_box(still, 30, 4))
    darker = (still * np.linspace(1, 0.75, len(still))[:, None, None, None]).astype(np.uint8)
    assert not moves(darker)


def test_on_a_plain_ground_and_in_half_a_second_nothing_is_said() -> None:
    plain = np.full((24, 72, 96, 3), 150, np.uint8)
    assert not moves(with_box(plain, 30, 4))
    assert not moves(panned(60, seconds=0.5))
    assert not camera_moves([], np.zeros((0, 72, 96, 3), np.float32))


def test_nothing_is_followed_while_the_camera_moves() -> None:
    times = np.arange(24) / RATE
    shot = see_shot(times.tolist(), with_box(panned(40), 20, 4), (720, 960))
    assert shot.moving and shot.trails == ()
    still = see_shot(times.tolist(), with_box(panned(0), 20, 4), (720, 960))
    assert not still.moving and len(still.trails) >= 1
