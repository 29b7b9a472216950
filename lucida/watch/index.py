"""The index of a film: what watching it once has found, kept so that later questions need not decode it again.

One file per film and way of watching, named by a hash of both, under the cache folder: content-addressed, so a film
that is renamed is found and one that is changed is not. It grows with the film (some 40 kB for each twenty seconds),
unlike the memory inside it, which keeps to its budget. Close looks are added to it as questions are asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.files import atomic_path
from lucida.watch.events.ground import Ground
from lucida.watch.events.happenings import Shot
from lucida.watch.events.parts import BINS
from lucida.watch.events.sightings import Sighting, Trail
from lucida.watch.reason.watching import Name, Watched, WatchedShot

VERSION = 4
_MEMORY = "memory/"


def index_path(file: str | os.PathLike[str], how: Mapping[str, Any]) -> Path:
    """Where the index of ``file``, watched in the way ``how`` says (rate, models), is kept or will be.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with open(file, "rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=12))
    except OSError as error:
        raise InputError(f"{os.fspath(file)}: {error.strerror or error}") from error
    digest.update(json.dumps({"version": VERSION, **how}, sort_keys=True).encode())
    return settings.cache_dir() / "index" / f"{digest.hexdigest()}.safetensors"


def save_index(path: Path, watched: Watched, facts: Mapping[str, Any] | None = None) -> Path:
    """Write an index whole or not at all. ``facts``: what a listing shows (the film's name, for example)."""
    tensors: dict[str, np.ndarray] = {"times": np.array(watched.times), "closer": np.array(watched.closer)}
    shots, thumbs = [], []
    for i, seen in enumerate(watched.shots):
        ground, trails = seen.shot.ground, seen.shot.trails
        tensors[f"{i}/lab"] = ground.lab.astype(np.float16)
        tensors[f"{i}/things"] = ground.things.astype(np.uint8)
        if ground.table is not None:
            tensors[f"{i}/table"] = np.packbits(ground.table)
        tensors[f"{i}/sightings"] = np.array([_row(s) for t in trails for s in t.sightings]).reshape(-1, 12)
        tensors[f"{i}/lengths"] = np.array([len(t.sightings) for t in trails], np.int64)
        tensors[f"{i}/looks"] = np.array([t.histogram for t in trails], np.float32).reshape(-1, BINS**3)
        said = []
        for name in seen.said:
            if name.thumb not in thumbs:
                thumbs.append(name.thumb)
            said.append(_plain(name, thumbs.index(name.thumb)))
        shots.append(
            {"span": seen.shot.span, "times": seen.shot.times, "moving": seen.shot.moving, "said": said}
        )
    tensors["thumbs"] = np.frombuffer(b"".join(thumbs), np.uint8) if thumbs else np.zeros(0, np.uint8)
    tensors["thumb_lengths"] = np.array([len(t) for t in thumbs], np.int64)
    memory = None
    if watched.memory is not None:
        memory = {"name": watched.memory.name, "budget": watched.memory.budget}
        tensors |= {
            _MEMORY + key: np.ascontiguousarray(value) for key, value in watched.memory.state().items()
        }
    about = {
        "version": VERSION, "size": watched.size, "rate": watched.rate, "end": watched.end, "shots": shots,
        "close": {str(k): v for k, v in watched.close.items()}, "zooms": watched.zooms, "memory": memory,
        "facts": dict(facts or {}),
    }  # fmt: skip
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"lucida": json.dumps(about)})
        except (OSError, SafetensorError) as error:
            raise InputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
    return path


def read_facts(path: Path) -> dict[str, Any]:
    """What is written about an index, without its arrays.

    Raises:
        InputError: it is damaged or of another version.
    """
    try:
        with safe_open(path, "np") as file:
            about = json.loads((file.metadata() or {})["lucida"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a whole index; delete it, it will be made again ({error})") from error
    if about.get("version") != VERSION:
        raise InputError(f"{path}: an index of version {about.get('version')}, want {VERSION}; delete it")
    return about


def load_index(path: Path) -> Watched:
    """Read an index. The memory in it is restored by its name.

    Raises:
        InputError: it is damaged or of another version.
    """
    about = read_facts(path)
    with safe_open(path, "np") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    size = (int(about["size"][0]), int(about["size"][1]))
    ends = np.cumsum(tensors["thumb_lengths"]).astype(int)
    blob = tensors["thumbs"].tobytes()
    thumbs = [blob[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)] if len(ends) else []
    watched = Watched(
        size=size, rate=float(about["rate"]), end=float(about["end"]), times=tensors["times"].tolist(),
        closer=tensors["closer"].tolist(), zooms=dict(about["zooms"]),
        close={int(k): [(float(a), float(b)) for a, b in v] for k, v in about["close"].items()},
    )  # fmt: skip
    for i, shot in enumerate(about["shots"]):
        said = tuple(_name(n, thumbs) for n in shot["said"])
        watched.shots.append(WatchedShot(shot=_shot(shot, i, tensors, size), said=said))
    if about["memory"] is not None:
        from lucida.watch.memory import MEMORIES

        state = {
            key.removeprefix(_MEMORY): value for key, value in tensors.items() if key.startswith(_MEMORY)
        }
        memory = MEMORIES[about["memory"]["name"]](
            int(about["memory"]["budget"]), int(about["facts"].get("dim", 256))
        )
        memory.restore(state)
        watched.memory = memory
    return watched


def _shot(shot: Mapping[str, Any], i: int, tensors: Mapping[str, np.ndarray], size: tuple[int, int]) -> Shot:
    table = tensors.get(f"{i}/table")
    ground = Ground(
        lab=tensors[f"{i}/lab"].astype(np.float32), things=tensors[f"{i}/things"].astype(bool),
        table=None if table is None else np.unpackbits(table).astype(bool).reshape(32, 32, 32),
    )  # fmt: skip
    rows, trails, at = tensors[f"{i}/sightings"], [], 0
    for length, look in zip(tensors[f"{i}/lengths"].tolist(), tensors[f"{i}/looks"], strict=True):
        trails.append(
            Trail(sightings=tuple(_sighting(row) for row in rows[at : at + length]), histogram=look)
        )
        at += length
    span = (float(shot["span"][0]), float(shot["span"][1]))
    return Shot(
        span=span,
        shape=size,
        ground=ground,
        trails=tuple(trails),
        times=tuple(map(float, shot["times"])),
        moving=bool(shot["moving"]),
    )


def _row(s: Sighting) -> list[float]:
    return [s.t, *s.box, *s.centre, s.area, *map(float, s.lab), float(s.clear)]


def _sighting(row: np.ndarray) -> Sighting:
    v = row.tolist()
    return Sighting(t=v[0], box=(v[1], v[2], v[3], v[4]), centre=(v[5], v[6]), area=v[7],
                    lab=np.array(v[8:11], np.float32), clear=bool(v[11]))  # fmt: skip


def _plain(name: Name, thumb: int) -> dict[str, Any]:
    return {
        "text": name.text,
        "noun": name.noun,
        "colour": name.colour,
        "t": name.t,
        "box": name.box,
        "thumb": thumb,
    }


def _name(data: Mapping[str, Any], thumbs: list[bytes]) -> Name:
    x0, y0, x1, y1 = data["box"]
    return Name(text=data["text"], noun=data["noun"], colour=data["colour"], t=data["t"], box=(x0, y0, x1, y1),
                thumb=thumbs[data["thumb"]])  # fmt: skip
