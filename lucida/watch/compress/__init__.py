"""Fewer tokens for what was watched: drop what stands still, merge what is alike."""

from __future__ import annotations

from lucida.watch.compress.static import Segment as Segment
from lucida.watch.compress.static import split_static as split_static
from lucida.watch.compress.temporal import Kept as Kept
from lucida.watch.compress.temporal import drop_similar as drop_similar
from lucida.watch.compress.temporal import drop_still as drop_still
from lucida.watch.compress.tome import Tokens as Tokens
from lucida.watch.compress.tome import merge_similar as merge_similar
from lucida.watch.compress.tome import merge_step as merge_step
from lucida.watch.compress.tome import merge_to as merge_to
from lucida.watch.compress.tome import strided as strided
