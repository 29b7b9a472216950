"""Which frames to look at, when there are more than can be afforded.

All selectors return exactly ``min(n, T)`` distinct ascending indices for every T and n of at least one, also for flat
scores, single spikes and scores that are not numbers.
"""

from __future__ import annotations

from lucida.watch.select.aks import aks as aks
from lucida.watch.select.inverse import inverse as inverse
from lucida.watch.select.qframe import TierConfig as TierConfig
from lucida.watch.select.qframe import Tiers as Tiers
from lucida.watch.select.qframe import qframe as qframe
from lucida.watch.select.scene import content_changes as content_changes
from lucida.watch.select.scene import cuts as cuts
from lucida.watch.select.scene import scene as scene
from lucida.watch.select.scene import vector_changes as vector_changes
from lucida.watch.select.uniform import top as top
from lucida.watch.select.uniform import uniform as uniform

BY_SCORE = {"top": top, "aks": aks, "inverse": inverse}
"""Selectors that need nothing but one score per frame: ``(scores, n) -> indices``."""
