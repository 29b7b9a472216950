"""The world: scenes, clips, language, questions and their truth, without a download. Names load when first
used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucida.world.atlas import Atlas as Atlas
    from lucida.world.atlas import load_atlas as load_atlas
    from lucida.world.config import SceneConfig as SceneConfig
    from lucida.world.fingerprint import check_fingerprint as check_fingerprint
    from lucida.world.fingerprint import world_fingerprint as world_fingerprint
    from lucida.world.records import Scene as Scene
    from lucida.world.records import SceneObject as SceneObject
    from lucida.world.scene import draw_scene as draw_scene

_HOME = {
    "Atlas": "atlas",
    "Scene": "records",
    "SceneConfig": "config",
    "SceneObject": "records",
    "check_fingerprint": "fingerprint",
    "draw_scene": "scene",
    "load_atlas": "atlas",
    "world_fingerprint": "fingerprint",
}
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
