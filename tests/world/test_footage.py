"""A clip as a film."""

from __future__ import annotations

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.world.clips import draw_clip
from lucida.world.footage import ClipFootage


def test_the_frame_on_screen_is_the_last_that_has_come() -> None:
    clip = draw_clip(0, seconds=2.0, size=(64, 64))
    film = ClipFootage(clip)
    assert [f.t for f in film.at([0.0, 0.1, 1.0, 99.0, -1.0])] == [0.0, clip.time(1), 1.0, clip.time(23), 0.0]
    assert film.asked == 5 and film.duration == 2.0 and film.size == (64, 64)
    assert (film.at([1.0])[0].pixels == clip.frame(1.0)).all()
    assert len(list(film.stream(3))) == 6


def test_frames_that_are_gone_leave_the_one_before_on_screen() -> None:
    clip = draw_clip(0, seconds=2.0, size=(64, 64))
    film = ClipFootage(clip, gone=[(0.5, 1.0)])
    (frame,) = film.at([0.9])
    assert frame.t == pytest.approx(5 / 12, abs=1e-4)
    assert not np.any((film.times >= 0.5) & (film.times <= 1.0)) and len(film.times) == len(clip) - 7
    with pytest.raises(InputError, match="no frame"):
        ClipFootage(clip, gone=[(0.0, 2.0)])
