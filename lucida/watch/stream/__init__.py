"""Streaming: sources, one clock, registered queries with triggers, clips, and what was told stays told."""

from __future__ import annotations

from lucida.watch.stream.detector import EventDetector as EventDetector
from lucida.watch.stream.detector import Observed as Observed
from lucida.watch.stream.engine import Engine as Engine
from lucida.watch.stream.engine import EngineConfig as EngineConfig
from lucida.watch.stream.notices import Notice as Notice
from lucida.watch.stream.notices import timeline as timeline
