"""Video in and out: pictures and sound with exact times (PyAV underneath)."""

from __future__ import annotations

from lucida.media.video.frame import Frame
from lucida.media.video.planner import Place, Point, Segment, plan
from lucida.media.video.sound import Sound, audio
from lucida.media.video.video import Video
from lucida.media.video.writer import write_video

__all__ = ["Frame", "Place", "Point", "Segment", "Sound", "Video", "audio", "plan", "write_video"]
