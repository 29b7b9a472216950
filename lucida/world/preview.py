"""Scenes for people: a contact sheet with captions, and a JSON document without pixels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lucida.media.image import Image
from lucida.media.sheet import contact_sheet
from lucida.world.records import Scene


def preview_sheet(scenes: list[Scene]) -> Image:
    """A grid of ``scenes``, each with its seed and the captions of its objects below it."""
    from lucida.world.language import short_label

    captions = [
        f"{scene.split} {scene.seed}: "
        + ", ".join(f"{thing.size} {short_label(thing)}" for thing in scene.objects)
        for scene in scenes
    ]
    images = [Image(scene.pixels, f"{scene.split} {scene.seed}") for scene in scenes]
    return contact_sheet(images, captions, tile=max(scenes[0].size), lines=6)


def scene_document(scene: Scene) -> dict[str, Any]:
    """What a scene knows, without its pixels: size [h, w], objects with caption, relations."""
    from lucida.world.language import STYLES_TRAIN, caption

    return {
        "seed": scene.seed,
        "split": scene.split,
        "size": list(scene.size),
        "background": scene.background,
        "objects": [
            asdict(thing) | {"caption": caption(scene, thing.index, min(STYLES_TRAIN))}
            for thing in scene.objects
        ],
        "relations": [asdict(relation) for relation in scene.relations],
    }
