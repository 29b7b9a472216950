"""Frames for requests: each video is decoded once per plan, for all levels and models, and kept encoded on the disk."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lucida.bench.cache import Cache, digest
from lucida.bench.records import FramePlan, MediaRef
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

ENCODING = {"format": "jpeg", "quality": 95, "subsampling": 0, "version": 1}
BATCH = 8  # pictures held at once while decoding
MADE = 256  # manifests held in memory, so that the many questions on one film read and check its files once


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One medium as it is shown: encoded pictures on the disk, in order.

    Attributes:
        files: JPEG files. times: presentation seconds (empty for a picture). indices: frame numbers in the file.
        size: (height, width) of the pictures. native: of the source. duration: of the video, or of its span.
    """

    kind: str
    files: tuple[Path, ...]
    times: tuple[float, ...] = ()
    indices: tuple[int, ...] = ()
    size: tuple[int, int] | None = None
    native: tuple[int, int] | None = None
    duration: float | None = None

    def encoded(self) -> Iterator[bytes]:
        """The JPEG bytes, one picture at a time."""
        return (file.read_bytes() for file in self.files)


def choose(plan: FramePlan, seconds: np.ndarray, span: tuple[float, float] | None, end: float) -> list[int]:
    """Which pictures a plan shows: ascending numbers into ``seconds``, each once.

    Args:
        seconds: (N,) ascending times of all pictures. span: limits to [t0, t1). end: where the last picture ends.

    ``uniform`` takes number ``floor(linspace(0, n - 1, count))``. Where ``times`` are added, the number on screen at
    each is kept first, and the others are thinned evenly to what room ``count`` leaves.
    """
    t0, t1 = span if span is not None else (float(seconds[0]), end)
    inside = np.flatnonzero((seconds >= t0) & (seconds < t1))
    if not len(inside):  # shorter than a frame: what was on screen
        inside = np.array([max(0, int(np.searchsorted(seconds, t0, side="right")) - 1)])
    keys = _on_screen(seconds, np.asarray(plan.times, np.float64))
    if plan.kind == "none":
        return []
    if plan.kind == "times":
        wanted = keys
    else:
        if plan.kind == "uniform":
            assert plan.count is not None
            grid = inside[np.linspace(0, len(inside) - 1, plan.count).astype(int)]
        else:
            assert plan.fps is not None
            ticks = t0 + np.arange(max(1, int(np.ceil((min(t1, end) - t0) * plan.fps - 1e-9)))) / plan.fps
            grid = np.maximum(_on_screen(seconds, ticks), inside[0])
        wanted = _thinned(np.unique(keys), np.unique(grid), plan.count)
    wanted = np.unique(wanted)
    for a, b in plan.without:
        wanted = wanted[(seconds[wanted] < a) | (seconds[wanted] > b)]
    return [int(number) for number in wanted]


def _on_screen(seconds: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(seconds, times, side="right") - 1, 0, len(seconds) - 1)


def _thinned(keys: np.ndarray, grid: np.ndarray, count: int | None) -> np.ndarray:
    rest = np.setdiff1d(grid, keys)
    if count is None or len(keys) + len(rest) <= count:
        return np.concatenate([keys, rest])
    if len(keys) >= count:
        return keys[np.linspace(0, len(keys) - 1, count).astype(int)]
    room = count - len(keys)
    return np.concatenate([keys, rest[np.linspace(0, len(rest) - 1, room).astype(int)]])


class FrameStore:
    """Makes and keeps :class:`Shown`. Threads may share it.

    Attributes:
        decodes: how often a video was opened for decoding. pictures: how many of its pictures were encoded.
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.decodes = 0
        self.pictures = 0
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()
        self._bad: dict[str, str] = {}
        self._made: OrderedDict[Path, Shown] = OrderedDict()

    def show(self, data: Path, ref: MediaRef, plan: FramePlan, regions: tuple[Any, ...] = ()) -> Shown:
        """One medium under a plan; ``regions`` (of a picture) are outlined and numbered.

        Raises:
            InputError: missing, undecodable, or no frame left to show. Names the file.
        """
        path = data / ref.path
        content = self.cache.media_hash(path)
        if ref.kind == "image":
            key = digest([content, plan.longest, plan.height, regions, ENCODING])
        else:
            key = digest([content, asdict(plan), ref.span, ENCODING])
        manifest = self.cache.folder / "frames" / content[:2] / content / f"{key}.json"
        with self._guard:
            if manifest in self._made:
                self._made.move_to_end(manifest)
                return self._made[manifest]
            lock = self._locks[content]
        with lock:
            if (found := _read(manifest)) is not None:
                return self._remember(manifest, found)
            if key in self._bad:
                raise InputError(self._bad[key])
            try:
                make = self._picture if ref.kind == "image" else self._video
                shown, document = make(path, ref, plan, regions, manifest.parent)
            except InputError as error:
                self._bad[key] = str(error)  # an undecodable film is tried once, not once per question
                raise
            atomic_write(manifest, json.dumps(document))
            return self._remember(manifest, shown)

    def _remember(self, manifest: Path, shown: Shown) -> Shown:
        with self._guard:
            self._made[manifest] = shown
            if len(self._made) > MADE:
                self._made.popitem(last=False)
        return shown

    def _picture(
        self, path: Path, ref: MediaRef, plan: FramePlan, regions: tuple[Any, ...], folder: Path
    ) -> tuple[Shown, dict[str, Any]]:
        from lucida.media.draw import annotate
        from lucida.media.image import Image
        from lucida.media.region import Region

        image = Image.open(path)
        native = image.size
        if regions:
            # Never filled: a tint would change the colours that are asked about.
            image = annotate(image, [Region.from_rle(rle, source=ref.path) for rle in regions], fill=0.0)
        image = image.resized(_size(plan, image.size))
        name = f"picture-{digest([plan.longest, plan.height, regions])[:16]}.jpg"
        atomic_write(folder / name, _jpeg(image))
        self.pictures += 1
        return _manifest(folder, "image", [name], [], [], image.size, native, None)

    def _video(
        self, path: Path, ref: MediaRef, plan: FramePlan, _: tuple[Any, ...], folder: Path
    ) -> tuple[Shown, dict[str, Any]]:
        from lucida.media.image import Image
        from lucida.media.video import Video

        with Video(path) as video:
            seconds = video.times()
            t0, t1 = ref.span if ref.span is not None else (0.0, video.duration)
            length = max(0.0, min(t1, video.duration) - t0)
            numbers = choose(plan, seconds, ref.span, video.duration)
            if not numbers and plan.kind != "none" and not plan.without:
                raise InputError(f"{path}: the frame plan shows nothing")
            size = _size(plan, video.size)
            names = {n: f"{size[0]}x{size[1]}-{n}.jpg" for n in numbers}
            missing = [n for n in numbers if not (folder / names[n]).exists()]
            if missing:
                with self._guard:
                    self.decodes += 1
            shown = {n: float(seconds[n]) for n in numbers}
            for start in range(0, len(missing), BATCH):
                batch = missing[start : start + BATCH]
                for n, frame in zip(batch, video.at([float(seconds[n]) for n in batch]), strict=True):
                    shown[n] = frame.t  # the one before, where a picture cannot be decoded
                    atomic_write(folder / names[n], _jpeg(Image(frame.pixels).resized(size)))
                    self.pictures += 1
            return _manifest(folder, "video", [names[n] for n in numbers], [shown[n] for n in numbers], numbers,
                             size, video.size, length)  # fmt: skip


def _size(plan: FramePlan, native: tuple[int, int]) -> tuple[int, int]:
    """Reduced to the plan's height or longest side, never enlarged; proportions kept to the nearest pixel."""
    height, width = native
    scale = 1.0
    if plan.longest is not None:
        scale = min(scale, plan.longest / max(height, width))
    if plan.height is not None:
        scale = min(scale, plan.height / height)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _jpeg(image: Any) -> bytes:
    return image.encoded("JPEG", quality=ENCODING["quality"], subsampling=ENCODING["subsampling"])


def _manifest(
    folder: Path, kind: str, names: list[str], times: list[float], indices: list[int], size: tuple[int, int],
    native: tuple[int, int], duration: float | None,
) -> tuple[Shown, dict[str, Any]]:  # fmt: skip
    document = {"kind": kind, "files": names, "times": times, "indices": indices, "size": size, "native": native,
                "duration": duration}  # fmt: skip
    return _shown(folder, document), document


def _shown(folder: Path, document: dict[str, Any]) -> Shown:
    return Shown(
        kind=document["kind"], files=tuple(folder / name for name in document["files"]),
        times=tuple(document["times"]), indices=tuple(document["indices"]), duration=document["duration"],
        size=tuple(document["size"]), native=tuple(document["native"]),
    )  # fmt: skip


def _read(manifest: Path) -> Shown | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        shown = _shown(manifest.parent, json.loads(manifest.read_text(encoding="utf-8")))
        if all(file.exists() for file in shown.files):
            return shown
    return None
