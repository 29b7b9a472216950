"""Folders of cut-outs: nouns from file names, bad files refused by name, and the fetched stamps' rules."""

from __future__ import annotations

import io
import itertools
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucida.media.errors import InputError
from lucida.world import atlas as atlas_module
from lucida.world import nouns, stamps
from lucida.world.atlas import load_atlas
from lucida.world.config import SceneConfig
from lucida.world.cutouts import fetch_cutouts, folder_key, plain_noun, read_cutout
from lucida.world.scene import draw_scene


def blob(side: int = 100, seed: int = 0) -> Image.Image:
    """A noisy disc on transparent ground: photographic by the rule."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - side / 2
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = rng.integers(0, 256, (side, side, 3))
    rgba[..., 3] = np.where(np.hypot(x, y) < side * 0.45, 255, 0)
    return Image.fromarray(rgba)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "cut"
    (path / "backgrounds").mkdir(parents=True)
    for number, name in enumerate(("red_panda_1", "red_panda_2", "tea-kettle", "Zebra")):
        blob(seed=number).save(path / f"{name}.png")
    Image.fromarray(np.full((60, 90, 3), 123, np.uint8)).save(path / "backgrounds" / "wall.jpg")
    return path


@pytest.mark.parametrize(
    ("stem", "noun"),
    [("fox", "fox"), ("Fire_Engine_02", "fire engine"), ("fox2", "fox"), ("tea-kettle 1 2", "tea kettle")],
)
def test_plain_noun(stem: str, noun: str) -> None:
    assert plain_noun(stem) == noun


def test_folder_joins_the_atlas(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = dict(itertools.islice(nouns.noun_table().items(), 3))  # rendering all would take seven seconds
    monkeypatch.setattr(atlas_module, "noun_table", lambda: few)
    atlas = load_atlas(folder)
    assert atlas.nouns[:3] == tuple(few.values())
    added = atlas.sprites[3:]
    assert [sprite.noun for sprite in added] == ["zebra", "red panda", "red panda", "tea kettle"]
    assert all(sprite.medium == "photo" and not sprite.colourable for sprite in added)
    assert [path.name for path in atlas.backgrounds] == ["wall.jpg"]
    config = SceneConfig(photo=1.0, photo_background=1.0, objects=(1, 3))
    for seed in range(6):
        scene = draw_scene(seed, atlas=atlas, config=config)
        assert scene.background == "photo"
        assert all(thing.medium == "photo" and thing.colour is None for thing in scene.objects)
        background = ~scene.masks.any(0)
        assert np.median(scene.pixels[background].astype(int)) == pytest.approx(123, abs=3)


def test_key_follows_the_files(folder: Path) -> None:
    before = folder_key(folder)
    assert folder_key(folder) == before
    blob(seed=9).save(folder / "owl.png")
    assert folder_key(folder) != before


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_atlas(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no PNG"):
        load_atlas(tmp_path / "empty")


def test_bad_files(tmp_path: Path) -> None:
    opaque = tmp_path / "opaque.png"
    Image.new("RGB", (20, 20)).save(opaque)
    full, nothing, number = tmp_path / "full.png", tmp_path / "nothing.png", tmp_path / "12.png"
    Image.new("RGBA", (20, 20), (1, 2, 3, 255)).save(full)
    Image.new("RGBA", (20, 20), (1, 2, 3, 0)).save(nothing)
    blob().save(number)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG but no more")
    cases = {
        opaque: "no alpha",
        full: "no transparent",
        nothing: "no opaque",
        number: "no noun",
        broken: "cannot read",
    }
    for path, message in cases.items():
        with pytest.raises(InputError, match=message) as caught:
            read_cutout(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_photographs_and_drawings_are_told_apart() -> None:
    assert stamps.looks_photographic(np.asarray(blob()))
    drawing = np.asarray(blob()).copy()
    drawing[..., :3] = (200, 40, 40)
    assert not stamps.looks_photographic(drawing)
    assert not stamps.looks_photographic(np.asarray(blob(side=50)))


@pytest.mark.parametrize(
    ("stem", "description", "noun"),
    [
        ("frog", "A frog.", "frog"),
        ("caribou", "A caribou.", "deer"),
        ("odd", "An otter.", "otter"),
        ("bunny", "A bunny.", None),
        ("spacewalk", "An astronaut making a spacewalk!", None),
    ],
)
def test_stamp_nouns(stem: str, description: str, noun: str | None) -> None:
    assert stamps.stamp_noun(stem, description) == noun


def package(path: Path) -> Path:
    """A Debian package with one photographic stamp, one drawing and one in a skipped folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:

        def add(name: str, data: bytes) -> None:
            info = tarfile.TarInfo(f"./usr/share/tuxpaint/stamps/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        for name, image in {
            "animals/caribou": blob(),
            "animals/drawing": Image.new("RGBA", (99, 99), (9, 9, 9, 0)),
            "people/man": blob(),
        }.items():
            png = io.BytesIO()
            image.save(png, "PNG")
            add(f"{name}.png", png.getvalue())
            add(f"{name}.txt", f"A {name.rpartition('/')[2]}.\nfr=Un.\n".encode())
    members = {"debian-binary": b"2.0\n", "data.tar.xz": buffer.getvalue()}
    with path.open("wb") as stream:
        stream.write(b"!<arch>\n")
        for name, data in members.items():
            stream.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data)
            stream.write(b"\n" * (len(data) % 2))
    return path


def test_fetch_without_dpkg(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps.shutil, "which", lambda name: None)
    folder = fetch_cutouts(package(tmp_path / "stamps.deb"))
    assert folder == home / "cutouts" / "tuxpaint"
    assert sorted(path.name for path in folder.iterdir()) == ["LICENSE.txt", "deer_1.png"]
    text = (folder / "LICENSE.txt").read_text()
    assert "version 2" in text and "animals/caribou.png" in text
    assert fetch_cutouts() == folder  # what is there is not fetched again
    assert [path.name for path in (home / "cutouts").iterdir()] == ["tuxpaint"]


def test_bad_fetch(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="LUCIDA_OFFLINE"):
        fetch_cutouts()
    monkeypatch.delenv("LUCIDA_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(stamps.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="apt-get not found"):
        fetch_cutouts()
    with pytest.raises(InputError, match="does not exist"):
        fetch_cutouts(tmp_path / "none.deb")
    (tmp_path / "bad.deb").write_bytes(b"not a package")
    with pytest.raises(InputError, match="not a Debian package"):
        fetch_cutouts(tmp_path / "bad.deb")
    assert not list((home / "cutouts").iterdir())
