"""``lucida tokenize`` from end to end, with a tokenizer that has learned nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import lucida
from lucida.cli.main import main
from lucida.media.image import Image
from lucida.systems.tokenize.shards import read_index, read_shards, write_shards
from tests.systems.tiny import tiny_tokenizer

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tiny"))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("photos").mkdir()
    for n in range(3):
        Image(rng.integers(0, 255, (20, 30 + n, 3), dtype=np.uint8)).save(f"photos/{n}.png")
    return sorted(str(p) for p in Path("photos").iterdir())


def test_encode_then_decode(model: str, photos: list[str], capsys: Captured) -> None:
    assert main(["tokenize", "encode", "photos", "--out", "latents", "--model", model]) == 0
    assert capsys.readouterr().out == "latents\n"
    index = read_index(Path("latents"))
    assert index["shape"] == [6, 4, 4] and [s["pictures"] for s in index["shards"]] == [photos]
    tensors = load_file("latents/00000.safetensors")
    tokenizer = lucida.load(model, device="cpu")
    assert torch.allclose(tensors["latents"], tokenizer.tokenize(photos), atol=1e-5)
    mirrored = [Image.open(p).resized((32, 32)).pixels[:, ::-1].copy() for p in photos]
    assert torch.allclose(tensors["latents_flip"], tokenizer.tokenize(mirrored), atol=1e-5)

    assert main(["tokenize", "decode", "latents", "--model", model, "--out", "again"]) == 0
    assert sorted(p.name for p in Path("again").iterdir()) == ["0.png", "1.png", "2.png"]
    made = tokenizer.reconstruct(photos)[1].pixels
    assert np.abs(Image.open("again/1.png").pixels.astype(int) - made).max() <= 1
    assert main(["tokenize", "encode", "photos", "--out", "latents", "--model", model]) == 2
    assert "not empty" in capsys.readouterr().err


def test_shards_are_cut_and_read_in_order(model: str, photos: list[str]) -> None:
    tokenizer = lucida.load(model, device="cpu")
    index = write_shards(tokenizer, photos, Path("cut"), flips=False, per_shard=2)
    assert [len(s["pictures"]) for s in index["shards"]] == [2, 1]
    read = [(names, latents) for names, latents in read_shards(Path("cut"), read_index(Path("cut")))]
    assert [name for names, _ in read for name in names] == photos
    assert torch.allclose(torch.cat([latents for _, latents in read]), tokenizer.tokenize(photos), atol=1e-5)
    assert list(load_file("cut/00000.safetensors")) == ["latents"]


def test_reconstruct_writes_and_tells(model: str, photos: list[str], capsys: Captured) -> None:
    assert main(["tokenize", "reconstruct", *photos[:2], "--out", "pairs", "--model", model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "PSNR" in lines[0] and lines[0].startswith(photos[0])
    assert len(list(Path("pairs").iterdir())) == 2
    assert main(["tokenize", "reconstruct", photos[0], "--json", "--model", model]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["size"] == [20, 30] and document["psnr"] > 0 and document["ssim"] <= 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["encode", "missing.png"], "no such file: missing.png"),
        (["decode", "photos"], "not a finished folder of latents"),
        (["probe", "--levels", "2"], "want 0 to 1"),
        (["reconstruct", "photos/0.png", "--model", "tower"], "not a tokenizer"),
    ],
)
def test_bad_input(words: list[str], said: str, photos: list[str], capsys: Captured) -> None:
    assert main(["tokenize", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_latents_of_another_model_are_refused(
    model: str, photos: list[str], tmp_path: Path, capsys: Captured
) -> None:
    other = tiny_tokenizer(tmp_path / "other", seed=1)
    assert main(["tokenize", "encode", *photos, "--out", "latents", "--model", str(other)]) == 0
    assert main(["tokenize", "decode", "latents", "--model", model]) == 2
    assert "encoded with other weights" in capsys.readouterr().err
    Path("latents/00000.safetensors").write_bytes(b"short")
    assert main(["tokenize", "decode", "latents", "--model", str(other)]) == 2
    assert "not a shard of latents" in capsys.readouterr().err
