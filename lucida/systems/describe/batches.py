"""Many pictures in one decode, and a tracked thing through the frames of a video."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lucida.canvas.plan import Plan
from lucida.canvas.tokens import Memory
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.records import Caption, Evidence
from lucida.media.region import Region
from lucida.media.track import Track
from lucida.systems.describe.look import Look, described, mean
from lucida.systems.describe.markers import MOST_REGIONS
from lucida.systems.describe.naming import believe_hints
from lucida.systems.describe.records import Description

if TYPE_CHECKING:
    from lucida.media.video import Video
    from lucida.systems.describe.system import Describer

ROWS = 128  # groups in one decode of several pictures
TIMES = 8


def joined_context(looks: Sequence[Look]) -> Memory:
    """The contexts of several pictures as one memory, each read when its own picture was first asked about."""
    memories = [look.context for look in looks]
    layers = tuple(
        (torch.cat([k for k, _ in parts]), torch.cat([v for _, v in parts]))
        for parts in zip(*(m.layers for m in memories), strict=True)
    )
    return Memory(layers=layers, valid=torch.cat([m.valid for m in memories]), context=True)


def describe_many(
    describer: Describer,
    looks: Sequence[Look],
    regions: Sequence[Sequence[Region]],
    *,
    style: int = 0,
    hints: bool = True,
    plan: Plan | None = None,
    seed: int = 0,
) -> list[Description]:
    """Caption the regions of several pictures, up to 128 rows to a decode.

    A caption is the same as when its picture is described alone (near-ties apart: shapes differ). Each description's
    ``passes`` are those of the decode it shared, its ``token_forwards`` and ``seconds`` its share by regions.

    Raises:
        InputError: as many lists of regions as pictures are wanted, at least one region each and at most 64.
    """
    if len(looks) != len(regions):
        raise InputError(f"{len(regions)} lists of regions for {len(looks)} pictures")
    for look, mine in zip(looks, regions, strict=True):
        if not 1 <= len(mine) <= MOST_REGIONS:
            raise InputError(
                f"{look.image.source or 'picture'}: want 1 to {MOST_REGIONS} regions, got {len(mine)}"
            )
        look.check_sizes(mine)
    out: list[Description] = []
    for part in _parts([len(mine) for mine in regions]):
        begin = time.perf_counter()
        some, wanted = looks[part], regions[part]
        requests = [look.region_requests(mine, style, hints) for look, mine in zip(some, wanted, strict=True)]
        cells = [look.cells for look in some]
        decoded = describer.write(cells, requests, plan, seed, context=lambda some=some: joined_context(some))
        width, total = max(map(len, wanted)), sum(map(len, wanted))
        seconds = time.perf_counter() - begin
        for picture, mine in enumerate(wanted):
            said = [describer.read_row(decoded, picture * width + n) for n in range(len(mine))]
            said = believe_hints(said, requests[picture], describer.known_names)
            share = len(mine) / total
            forwards = round(decoded.token_forwards * share)
            out.append(described(list(mine), said, decoded.passes, forwards, seconds * share))
    return out


def _parts(counts: Sequence[int]) -> list[slice]:
    """Runs of pictures whose rows, padded to the widest, number at most ``ROWS``."""
    parts, start = [], 0
    for stop in range(1, len(counts) + 1):
        if stop - start > 1 and (stop - start) * max(counts[start:stop]) > ROWS:
            parts.append(slice(start, stop - 1))
            start = stop - 1
    return [*parts, slice(start, len(counts))] if counts else []


def describe_track(
    describer: Describer,
    video: Video,
    track: Track,
    *,
    count: int = TIMES,
    times: Sequence[float] | None = None,
    **options: Any,
) -> tuple[Caption, ...]:
    """Caption a tracked thing over time, all moments in one decode.

    Args:
        video: its frames are read at the moments, and only those.
        track: where the thing is; resized to the frames where its size differs.
        count: moments, evenly spaced over the track. times: these seconds instead.
        options: of :func:`describe_many`.

    Returns:
        One caption per run of moments that read alike, in order. Its evidence is the track over those moments and the
        seconds from the first to the last of them; its region is the first one, its confidence the mean.

    Raises:
        InputError: no moment of the track lies in the video, or ``count`` < 1.
    """
    if count < 1:
        raise InputError(f"count must be at least 1, got {count}")
    first, last = max(track.span[0], video.first_t), min(track.span[1], video.last_t)
    if first > last:
        raise InputError(f"the track from {track.span[0]:g} to {track.span[1]:g} s lies outside the video")
    moments = list(times) if times is not None else np.linspace(first, last, count).tolist()
    looks: list[Look] = []
    places: list[Region] = []
    seen: list[float] = []
    shown = None
    for t, frame in sorted(zip(moments, video.at(moments), strict=True), key=lambda pair: pair[0]):
        region = track.at(t, tolerance=_tolerance(track))
        if region is None or frame.t == shown:  # a picture on screen for several moments is described once
            continue
        image, shown = Image.from_array(frame.pixels), frame.t
        looks.append(describer.look(image))
        places.append(region if region.size == image.size else region.resized(image.size))
        seen.append(t)
    if not looks:
        raise InputError("the track is at none of the times asked for")
    described_ = describe_many(describer, looks, [[place] for place in places], **options)
    runs: list[list[int]] = []
    for i, one in enumerate(described_):
        if runs and described_[runs[-1][0]][0].text == one[0].text:
            runs[-1].append(i)
        else:
            runs.append([i])
    return tuple(
        Caption(
            places[run[0]], described_[run[0]][0].text, mean([described_[i][0].confidence for i in run]),
            max(described_[i][0].steps for i in run),
            (Evidence("seen", seen[run[0]], seen[run[-1]], track=Track({seen[i]: places[i] for i in run})),),
        )
        for run in runs
    )  # fmt: skip


def _tolerance(track: Track) -> float:
    """Seconds a frame may lie from a known place: half the closest two of the track, at least half of 1/25 s."""
    gaps = [b - a for a, b in zip(track.times[:-1], track.times[1:], strict=True)]
    return max(min(gaps, default=0.04) / 2, 0.02)
