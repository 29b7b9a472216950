"""Clips: scenes in motion whose every moment is known. A seed gives a cast, scripts, events, sound, pictures.

Nothing is rendered until it is asked for and any moment can be asked for alone, so a clip of an hour costs
the memory of its scripts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from lucida.media.errors import InputError
from lucida.world import audio, scene
from lucida.world.atlas import Atlas, load_atlas
from lucida.world.background import paint_background
from lucida.world.cast import Role, choose_cast
from lucida.world.clip_records import ClipObject, Event
from lucida.world.clips_paint import Painter, Sprite
from lucida.world.config import SceneConfig
from lucida.world.events import script_events
from lucida.world.grammar import is_plural
from lucida.world.motion import Script
from lucida.world.motion_plan import Guest, MotionConfig, plan_motion
from lucida.world.palette import RAMPS, to_lab
from lucida.world.records import SIZES, Box
from lucida.world.splits import generator, pair_held_out, stable_hash

if TYPE_CHECKING:
    from lucida.media.track import Track

TICKS = 90_000  # per second: every frame's time is a whole number of them, here as in the file


# Smaller than in pictures, because things at rest must keep clear of each other.
_SCENE = SceneConfig(large=(0.41, 0.45), size_weights=(0.45, 0.45, 0.10))


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """What is in a clip and how it moves."""

    objects: tuple[int, int] = (2, 4)  # least and most
    scene: SceneConfig = _SCENE  # sizes, look-alikes, contrast
    motion: MotionConfig = field(default_factory=MotionConfig)
    jitter: float = 0.0  # variable rate: each frame's time is moved by up to this share of a frame either way
    sound: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.objects[0] <= self.objects[1] <= 32:
            raise InputError(
                f"objects is {self.objects}; it must be two numbers with 1 <= least <= most <= 32"
            )
        if not 0 <= self.jitter < 0.5:
            raise InputError(f"jitter is {self.jitter}; it must be at least 0 and below 0.5")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A moving scene with its truth. Seconds count from the first frame; sizes are (height, width)."""

    seed: int
    split: str
    size: tuple[int, int]
    seconds: float
    fps: Fraction
    jitter: float
    background: str  # its kind
    objects: tuple[ClipObject, ...]  # in paint order, furthest first
    scripts: tuple[Script, ...]  # of each object
    events: tuple[Event, ...]  # in order of onset
    cues: tuple[audio.Cue, ...]
    painter: Painter = field(repr=False, compare=False)

    def __len__(self) -> int:
        """Number of frames."""
        return math.ceil(Fraction(self.seconds).limit_denominator(TICKS) * self.fps)

    def time(self, k: int) -> float:
        """Presentation time of frame ``k``, a whole number of 1/TICKS seconds; the first is 0."""
        shift = Fraction(0)
        if self.jitter and k:
            shift = Fraction(stable_hash("frame time", self.split, self.seed, k) % 2001 - 1000, 1000)
        exact = (k + shift * Fraction(self.jitter).limit_denominator(1000)) / self.fps
        return round(exact * TICKS) / TICKS

    def times(self) -> Iterator[float]:
        """The presentation times of the frames, rising."""
        return (self.time(k) for k in range(len(self)))

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """(time, (H, W, 3) uint8) of every frame, drawn one by one."""
        return ((t, self.painter.frame(t)) for t in self.times())

    def frame(self, t: float) -> np.ndarray:
        """The picture at any time, (H, W, 3) uint8: the same whether or not a frame falls on it."""
        return self.painter.frame(t)

    def masks(self, t: float) -> np.ndarray:
        """(N, H, W) bool: visible masks at ``t``, empty for what is not in the picture."""
        return self.painter.masks(t)

    def box(self, index: int, t: float) -> Box | None:
        """Normalised xyxy box of what is seen of one object at ``t``."""
        return self.painter.box(index, t)

    def track(self, index: int, times: Iterable[float] | None = None) -> Track | None:
        """Visible masks of one object through time (every frame by default), None when it is never seen."""
        from lucida.media.region import Region
        from lucida.media.track import Track

        regions = {}
        for t in self.times() if times is None else times:
            mask = self.painter.owner(t) == index
            if mask.any():
                regions[t] = Region.from_mask(mask)
        return Track(regions) if regions else None

    def audio(self, t0: float = 0.0, t1: float | None = None) -> np.ndarray:
        """The sound of [t0, t1), float32 mono at ``audio.RATE`` samples per second."""
        stop = self.seconds if t1 is None else t1
        return audio.sound(self.cues, round(t0 * audio.RATE), round(stop * audio.RATE))


@dataclass(frozen=True, kw_only=True)
class _Actor:
    """What the planner sees of an object."""

    extent: tuple[int, int]
    phrase: str
    colour: str | None
    palette: tuple[str, ...]


def draw_clip(
    seed: int,
    *,
    split: str = "train",
    size: tuple[int, int] = (192, 192),
    seconds: float = 8.0,
    fps: float | Fraction = 12,
    atlas: Atlas | None = None,
    config: ClipConfig | None = None,
) -> Clip:
    """Draw clip ``seed`` of ``split``: same arguments, same clip, bit for bit, in every process.

    Args:
        seed: non-negative.
        split: one of ``records.SPLITS``; decides which objects and pairs may appear.
        size: (height, width) in pixels, each at least 32.
        seconds: length; the last frame is shown for the rest of it.
        fps: frames per second, mean if ``config.jitter``.

    Raises:
        InputError: an argument is out of range.
    """
    return compose_clip(
        ("clip",),
        seed,
        split=split,
        size=size,
        seconds=seconds,
        fps=fps,
        atlas=atlas,
        config=config or ClipConfig(),
    )


def compose_clip(
    purpose: tuple[object, ...],
    seed: int,
    *,
    split: str,
    size: tuple[int, int],
    seconds: float,
    fps: float | Fraction,
    atlas: Atlas | None,
    config: ClipConfig,
    guest: tuple[Role, str] | None = None,
    visit: tuple[float, float] = (0.0, 0.0),
    never: frozenset[str] = frozenset(),
) -> Clip:
    """``draw_clip`` for a clip that is part of something (``purpose`` is part of its randomness).

    ``guest`` (a role and its size word) crosses the picture in front of everything during ``visit``; nouns in
    ``never`` are not cast.
    """
    if min(size) < scene.LEAST_SIDE:
        raise InputError(f"size is {size[0]}x{size[1]}; each side must be at least {scene.LEAST_SIDE} pixels")
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"seconds is {seconds}; it must be a positive number")
    if not 0 < fps <= 240:
        raise InputError(f"fps is {fps}; it must be over 0 and at most 240")
    rng, atlas = generator(split, seed, *purpose), atlas or load_atlas()
    roles = _cast(rng, atlas, split, config, never)
    weights = np.array(config.scene.size_weights) / sum(config.scene.size_weights)
    words = [SIZES[int(k)] for k in rng.choice(3, len(roles), p=weights)]
    if guest:
        roles, words = [*roles, guest[0]], [*words, guest[1]]

    def draw(index: int, colour: str | None) -> Sprite:
        # Its own generator, begun anew: size, turn and mirroring are the same in every colour.
        own = generator(split, seed, *purpose, "sprite", index)
        drawn = scene.draw_sprite(own, replace(roles[index], colour=colour), words[index], min(size), config.scene)
        return drawn.rgba, drawn.mask

    extents = [draw(index, role.colour)[1].shape for index, role in enumerate(roles)]
    actors = [_actor(role, roles, (shape[0], shape[1])) for role, shape in zip(roles, extents, strict=True)]
    guests = [Guest(actors.pop(), *visit)] if guest else []
    scripts = plan_motion(rng, actors, size, seconds, config.motion, guests)
    actors += [guest.actor for guest in guests]
    objects = tuple(
        ClipObject(
            index=index, noun=role.sprite.noun, colour=role.colour, size=word, extent=actor.extent,
            phrase=actor.phrase, source=role.sprite.source,
        )
        for index, (role, word, actor) in enumerate(zip(roles, words, actors, strict=True))
    )  # fmt: skip
    pixels, kind = paint_background(
        rng, size, _labs(roles, scripts), contrast=config.scene.contrast,
        photographs=atlas.backgrounds, photo_share=config.scene.photo_background,
    )  # fmt: skip
    events = script_events(scripts, actors, size)
    return Clip(
        seed=seed, split=split, size=size, seconds=seconds, fps=Fraction(fps).limit_denominator(100_000),
        jitter=config.jitter, background=kind, objects=objects, scripts=scripts, events=events,
        cues=audio.cues(events) if config.sound else (), painter=Painter(pixels, objects, scripts, draw),
    )  # fmt: skip


def _cast(
    rng: np.random.Generator, atlas: Atlas, split: str, config: ClipConfig, never: frozenset[str]
) -> list[Role]:
    """A cast whose members can all be called something: two of a noun differ in colour, no plural nouns."""
    while True:
        count = int(rng.integers(config.objects[0], config.objects[1] + 1))
        roles = choose_cast(rng, atlas, split, count, config.scene)
        nouns = [role.sprite.noun for role in roles]
        twins = [role for role in roles if nouns.count(role.sprite.noun) > 1]
        if all(role.colour for role in twins) and not any(is_plural(noun) or noun in never for noun in nouns):
            return roles


def _actor(role: Role, roles: list[Role], extent: tuple[int, int]) -> _Actor:
    noun = role.sprite.noun
    if sum(other.sprite.noun == noun for other in roles) > 1:  # told apart by colour, so the colour stays
        return _Actor(extent=extent, phrase=f"{role.colour} {noun}", colour=role.colour, palette=())
    palette = tuple(c for c in RAMPS if not pair_held_out(noun, c)) if role.colour else ()
    return _Actor(extent=extent, phrase=noun, colour=role.colour, palette=palette)


def _labs(roles: list[Role], scripts: tuple[Script, ...]) -> np.ndarray:
    """(M, 3) Lab of every main colour that is ever shown: what the background must differ from."""
    found = [role.sprite.own_lab for role in roles if role.colour is None]
    words = {role.colour for role in roles} | {
        change.after for script in scripts for change in script.recolours
    }
    return np.stack(found + [to_lab(np.array(RAMPS[word].rgb)) for word in sorted(filter(None, words))])
