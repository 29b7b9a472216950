"""From a decoder's picture to upright RGB."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
HD_HEIGHT = 576  # taller pictures that do not name their colour matrix use BT.709, as players assume
ONE = 1 << 16  # 1.0 in a display matrix
RIGHT_ANGLES = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}  # clockwise


@dataclass(frozen=True)
class Orientation:
    """How stored pictures are turned to stand upright.

    The four numbers are a display matrix's upper left part: x′ = a·x + c·y, y′ = b·x + d·y, with y downwards.
    """

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @property
    def rotation(self) -> int:
        """Degrees clockwise: 0, 90, 180 or 270 (a mirrored picture is mirrored left to right first)."""
        mirrored = self.a * self.d - self.b * self.c < 0
        sign = -1 if mirrored else 1
        turn = (sign * self.a, sign * self.b, self.c, self.d)
        return next(angle for angle, matrix in RIGHT_ANGLES.items() if matrix == turn)

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w, 3) as stored → (H, W, 3) upright, C-contiguous."""
        if self.a == 0:  # x′ comes from y: the picture is laid on its side
            pixels = pixels.transpose(1, 0, 2)
            flip_x, flip_y = self.c < 0, self.b < 0
        else:
            flip_x, flip_y = self.a < 0, self.d < 0
        return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])


def orientation_of(frame: VideoFrame, stream: VideoStream, name: str) -> Orientation:
    """From the display matrix that came with the first frame, else from an old-style ``rotate`` tag (clockwise).

    Angles other than right ones are left alone with a warning.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None:
        parts = np.frombuffer(bytes(matrix), dtype=np.int32)[[0, 1, 3, 4]]
        turn = tuple(int(v) for v in np.rint(parts / ONE))
        exact = bool(np.abs(parts - np.rint(parts / ONE) * ONE).max() <= ONE // 100)
        mirrored = (-turn[0], -turn[1], turn[2], turn[3])
        if exact and (turn in RIGHT_ANGLES.values() or mirrored in RIGHT_ANGLES.values()):
            return Orientation(*turn)
        warnings.warn(f"{name}: its display matrix is no right angle; pictures are not turned", stacklevel=2)
        return Orientation()
    tag = next((text for key, text in stream.metadata.items() if key.lower() == "rotate"), "0")
    try:
        return Orientation(*RIGHT_ANGLES[int(tag) % 360])
    except (ValueError, KeyError):
        warnings.warn(f"{name}: rotate tag {tag!r} is no right angle; pictures are not turned", stacklevel=2)
        return Orientation()


class Developer:
    """Turns decoded pictures into upright (H, W, 3) uint8 RGB; holds the conversion tables between calls."""

    def __init__(self, orientation: Orientation) -> None:
        self.orientation = orientation
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """Sample aspect ratio is not applied: a pixel in is a pixel out, and boxes are normalised anyway."""
        matrix: int | None = None
        if frame.colorspace == UNSPECIFIED:
            matrix = Colorspace.ITU709 if frame.height > HD_HEIGHT else Colorspace.ITU601
        rgb = self._reformatter.reformat(
            frame, format="rgb24", src_colorspace=matrix, dst_color_range=ColorRange.JPEG, threads=1
        )
        return self.orientation.apply(rgb.to_ndarray())
