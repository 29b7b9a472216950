"""Clips: the same every time, the same at any time, and in the pixels what the records say."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from lucida.media.errors import InputError
from lucida.world.clips import TICKS, Clip, ClipConfig, draw_clip
from lucida.world.clips_scene import scene_at
from lucida.world.clips_sheet import clip_sheet
from lucida.world.language import caption
from lucida.world.motion import outside
from lucida.world.palette import nearest_colour
from lucida.world.records import COLOURS
from lucida.world.splits import object_held_out, pair_held_out

SEEDS = range(6)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [draw_clip(seed) for seed in SEEDS]


def test_the_same_clip_every_time(clips: list[Clip]) -> None:
    for clip in clips[:3]:
        again = draw_clip(clip.seed)
        assert again == clip
        for t in (0.0, 3.21, 7.9):
            np.testing.assert_array_equal(again.frame(t), clip.frame(t))
    assert draw_clip(1).events != draw_clip(2).events != draw_clip(2, split="val").events


def test_any_time_is_what_the_sequence_shows(clips: list[Clip]) -> None:
    for clip in clips[:3]:
        frames = list(clip.frames())
        assert len(frames) == len(clip) == 96
        order = np.random.default_rng(0).permutation(len(frames))[:20]
        fresh = draw_clip(clip.seed)
        for k in order:
            t, pixels = frames[int(k)]
            np.testing.assert_array_equal(fresh.frame(t), pixels)
            assert pixels.shape == (192, 192, 3) and pixels.dtype == np.uint8


def test_masks_partition_and_stand_where_the_scripts_say(clips: list[Clip]) -> None:
    for clip in clips:
        for t in np.linspace(0, clip.seconds, 23):
            masks = clip.masks(float(t))
            assert masks.shape == (len(clip.objects), *clip.size) and masks.sum(0).max() <= 1
            for thing, script, mask in zip(clip.objects, clip.scripts, masks, strict=True):
                where = script.at(float(t))
                if outside(where, thing.extent, clip.size):
                    assert not mask.any()
                elif clip.painter.visible(thing.index, float(t)) == 1.0:
                    ys, xs = np.nonzero(mask)
                    middle = (xs.min() + xs.max() + 1) / 2, (ys.min() + ys.max() + 1) / 2
                    np.testing.assert_allclose(middle, where, atol=0.51)
                    assert (ys.max() + 1 - ys.min(), xs.max() + 1 - xs.min()) == thing.extent


def test_colours_are_seen(clips: list[Clip]) -> None:
    """The commonest strong colour inside a mask is the one the script names: a wrong ramp would show."""
    right = total = 0
    for clip in clips:
        for t in (0.0, clip.seconds / 2, clip.seconds - 0.1):
            pixels, masks = clip.frame(t), clip.masks(t)
            for script, mask in zip(clip.scripts, masks, strict=True):
                paint = script.paint(t)
                if paint.word is None or 0 < paint.share < 1 or mask.sum() < 200:
                    continue
                words = [nearest_colour(pixel) for pixel in pixels[mask][::5]]
                total += 1
                right += words.count(paint.word) == max(map(words.count, COLOURS))
    assert total > 20 and right / total > 0.85


def test_changes_show_only_where_something_happens(clips: list[Clip]) -> None:
    """Between two moments in which nothing moves or fades the picture does not change at all."""
    for clip in clips:
        busy = [(a.t0, a.t1) for s in clip.scripts for a in (*s.travels, *s.jumps, *s.recolours)]
        for a, b in itertools.pairwise(clip.times()):
            if all(t1 <= a or t0 >= b for t0, t1 in busy):
                np.testing.assert_array_equal(clip.frame(a), clip.frame(b))


def test_times_are_exact() -> None:
    even = draw_clip(0, fps=Fraction(30000, 1001), seconds=2.0)
    assert [round(t * TICKS) for t in itertools.islice(even.times(), 3)] == [0, 3003, 6006] and len(
        even
    ) == 60
    uneven = draw_clip(0, fps=12, config=ClipConfig(jitter=0.4))
    times = list(uneven.times())
    steps = np.diff(times)
    assert times[0] == 0 and (steps > 0.2 / 12 - 1e-4).all() and steps.std() > 0.01 and len(times) == 96
    assert all(round(t * TICKS) / TICKS == t for t in times)
    assert times == list(draw_clip(0, fps=12, config=ClipConfig(jitter=0.4)).times())


def test_other_sizes() -> None:
    clip = draw_clip(3, size=(90, 160), seconds=4.0)
    assert clip.frame(1.0).shape == (90, 160, 3) and clip.masks(1.0).shape[1:] == (90, 160)


def test_an_hour_costs_nothing_until_drawn() -> None:
    clip = draw_clip(0, seconds=3600.0)
    assert len(clip) == 43_200 and len(clip.events) > 1000
    np.testing.assert_array_equal(clip.frame(3333.3), draw_clip(0, seconds=3600.0).frame(3333.3))
    t, _ = next(clip.frames())
    assert t == 0 and clip.audio(3000.0, 3001.0).shape == (16_000,)


def test_tracks(clips: list[Clip]) -> None:
    clip = clips[0]
    for thing in clip.objects:
        track = clip.track(thing.index, [0.0, 2.0, 4.0, 6.0])
        for t in (0.0, 2.0, 4.0, 6.0):
            mask = clip.masks(t)[thing.index]
            if track is None or t not in track.times:
                assert not mask.any()
            else:
                np.testing.assert_array_equal(track.regions[track.times.index(t)].mask, mask)
                assert track.regions[track.times.index(t)].box == pytest.approx(clip.box(thing.index, t))


def test_splits_hold() -> None:
    for seed in range(12):
        for split in ("train", "test-objects"):
            clip = draw_clip(seed, split=split)
            words = [
                (o.noun, c.after)
                for o, s in zip(clip.objects, clip.scripts, strict=True)
                for c in s.recolours
            ]
            words += [(o.noun, o.colour) for o in clip.objects]
            assert not any(pair_held_out(noun, colour) for noun, colour in words)
            assert any(object_held_out(o.noun) for o in clip.objects) == (split == "test-objects")
        clip = draw_clip(seed, split="test-pairs")
        assert any(pair_held_out(o.noun, o.colour) for o in clip.objects)


def test_names_name_one_thing(clips: list[Clip]) -> None:
    for seed in range(40):
        phrases = [thing.phrase for thing in draw_clip(seed).objects]
        assert len(set(phrases)) == len(phrases)


def test_cues_are_the_onsets(clips: list[Clip]) -> None:
    for clip in clips:
        assert [cue.t for cue in clip.cues] == [event.t0 for event in clip.events]
        loud = np.abs(clip.audio()) > 0.02
        assert loud.any() and not draw_clip(clip.seed, config=ClipConfig(sound=False)).audio().any()
        for cue in clip.cues:
            assert loud[round(cue.t * 16_000) :][:200].any()


def test_sheet(clips: list[Clip]) -> None:
    sheet = clip_sheet(clips[0], frames=4)
    assert sheet.size[0] > 300 and sheet.size[1] > 800


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"seconds": 0.0}, "seconds"), ({"seconds": float("nan")}, "seconds"), ({"fps": 0}, "fps"),
        ({"size": (10, 192)}, "size"), ({"split": "dev"}, "split"), ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_bad_arguments(wrong: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        draw_clip(**({"seed": 0} | wrong))
    with pytest.raises(InputError, match="jitter"):
        ClipConfig(jitter=0.5)


def test_moments_are_scenes(clips: list[Clip]) -> None:
    for clip in clips:
        for t in (0.0, 2.7, 5.3):
            scene, which = scene_at(clip, t)
            assert len(scene.objects) == len(scene.masks) == len(which)
            masks = clip.masks(t)
            for thing, index in zip(scene.objects, which, strict=True):
                np.testing.assert_array_equal(scene.masks[thing.index], masks[index])
                assert thing.noun == clip.objects[index].noun and thing.area == masks[index].sum()
                assert thing.box == clip.box(index, t) and caption(scene, thing.index, 0)
