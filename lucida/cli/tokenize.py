"""``lucida tokenize``: pictures to latents and back, and what is in the latents."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from lucida.cli.kinds import check_kind
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.systems.tokenize.system import Tokenizer

app = App(
    name="tokenize", help="Turn pictures into latents and latents into pictures.", help_format="plaintext"
)
app.help_epilogue = """\
Examples:
    lucida tokenize encode photos --out latents
    lucida tokenize decode latents --out pictures
    lucida tokenize reconstruct photo.jpg
    lucida tokenize probe --levels 0 0.4 0.8"""

Several = Parameter(consume_multiple=True)


@app.command
def encode(
    *images: str, out: Path | None = None, no_flips: bool = False, model: str = "tokenize", json: bool = False
) -> None:
    """Encode pictures into shards of normalised latents (or of ids), ready to train a generator on.

    stdout has the folder. It holds index.json and NNNNN.safetensors with the tensors latents and latents_flip (of the
    mirrored pictures), in the order of the index; latents are (n, C, h, w) float32 of unit variance, ids (n, h, w).

    Args:
        images: pictures, folders of pictures, or patterns such as "photos/*.jpg".
        out: the folder to write; default: a new one under runs/tokenize.
        no_flips: leave the mirrored pictures out.
        model: a name, a folder or a hub id.
        json: print the index instead of the folder.

    Examples:
        lucida tokenize encode photos --out latents
    """
    from lucida.cli.describe_inputs import expand

    paths = expand(images)
    if out is not None and out.exists() and any(out.iterdir()):
        raise InputError(f"--out {out} is not empty")
    tokenizer = _loaded(model)
    from lucida.systems.tokenize.shards import write_shards

    folder = out or _folder()
    index = write_shards(
        tokenizer, paths, folder, flips=not no_flips, progress=lambda n: _say(f"{n}/{len(paths)}")
    )
    print(json_module.dumps(index, ensure_ascii=False) if json else folder)


@app.command
def decode(latents: Path, *, out: Path | None = None, model: str | None = None) -> None:
    """Decode a folder of latents into PNG pictures, named as the pictures that they were encoded from.

    Args:
        latents: a folder written by encode.
        out: the folder to write; default: a new one under runs/tokenize.
        model: default: the one that encoded them. Another set of weights is refused, its latents mean other things.

    Examples:
        lucida tokenize decode latents --out pictures
    """
    from lucida.systems.tokenize.shards import read_index, read_shards

    index = read_index(latents)
    tokenizer = _loaded(model or index["model"])
    if index["weights_sha256"] != tokenizer.config.get("weights_sha256"):
        raise InputError(f"{latents}: encoded with other weights than {model or index['model']} has")
    folder, taken = out or _folder(), set[str]()
    for names, tokens in read_shards(latents, index):
        for start in range(0, len(names), 32):
            made = tokenizer.detokenize(tokens[start : start + 32])
            for name, image in zip(names[start : start + 32], made, strict=True):
                image.save(folder / _unique(Path(name).stem, taken))
    print(folder)


@app.command
def reconstruct(*images: str, out: Path | None = None, model: str = "tokenize", json: bool = False) -> int:
    """Encode and decode pictures; says how much was lost.

    stdout has a line per picture: PSNR in dB and SSIM, at the tokenizer's own size. The folder written has
    NAME.png: the picture as the tokenizer saw it, and what came back.

    Args:
        images: pictures, folders of pictures, or patterns.
        out: the folder to write; default: a new one under runs/tokenize.
        model: a name, a folder or a hub id.
        json: print one JSON document per picture and line; write nothing without --out.

    Examples:
        lucida tokenize reconstruct photo.jpg --out again
    """
    import time

    from lucida.cli.describe_inputs import expand
    from lucida.media.document import result_document
    from lucida.media.image import Image
    from lucida.media.records import Caption
    from lucida.media.sheet import strip
    from lucida.metrics.pictures import psnr, ssim

    paths = expand(images)
    opened = [Image.open(path) for path in paths[:1]]  # a bad picture is named before the model is read
    tokenizer = _loaded(model)
    folder, taken = out or (None if json else _folder()), set[str]()
    side = tokenizer.network.config.side
    for number, path in enumerate(paths):
        begin = time.perf_counter()
        image = opened[0] if number == 0 else Image.open(path)
        small = image.resized((side, side))
        again = tokenizer.reconstruct([small])[0]
        lost = float(psnr(small.pixels, again.pixels)), float(ssim(small.pixels, again.pixels))
        words = f"{side}x{side} through {tokenizer.shape}: PSNR {lost[0]:.2f} dB, SSIM {lost[1]:.3f}"
        if folder is not None:
            strip([small, again], ["seen", "again"]).save(folder / _unique(Path(path).stem, taken))
        if json:
            found = [Caption(None, words, min(max(lost[1], 0.0), 1.0), 1)]
            seconds = round(time.perf_counter() - begin, 4)
            document = result_document(
                found, size=image.size, image=path, nfe=2, seconds=seconds, model=tokenizer.name
            )
            print(json_module.dumps({**document, "psnr": lost[0], "ssim": lost[1]}, ensure_ascii=False))
        else:
            print(f"{path}: {words}")
    if folder is not None:
        _say(f"written to {folder}")
    return 0


@app.command
def probe(
    *,
    levels: Annotated[list[float] | None, Several] = None,
    fitted: int = 1500,
    tested: int = 400,
    raw: bool = False,
    model: str = "tokenize",
    json: bool = False,
) -> None:
    """What a linear reader can tell from noisy latents of held-out scenes: nouns and colours along the noise path.

    Builds the scenes that it needs, once. Latents are normalised before noise is mixed in, as a generator meets them.

    Args:
        levels: noise levels from 0 (data) to 1 (noise); default 0 0.2 0.4 0.6 0.8 0.9.
        fitted: scenes to fit the readers on. tested: held-out scenes to test them on.
        raw: noise against latents as they are, which flatters a tokenizer with large ones.
        model: a name, a folder or a hub id.
        json: print one JSON document.

    Examples:
        lucida tokenize probe --levels 0 0.4 0.8 --json
    """
    from lucida.media import settings
    from lucida.systems.tokenize.evaluation import LEVELS, probe_path, reconstruction

    chosen = levels or list(LEVELS)
    if any(not 0 <= level <= 1 for level in chosen):
        raise InputError(f"--levels {' '.join(map(str, chosen))}: want 0 to 1")
    if fitted < 2 or tested < 2:
        raise InputError(f"--fitted {fitted} --tested {tested}: want at least 2 of each")
    tokenizer = _loaded(model)
    from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig
    from lucida.systems.tokenize.teacher import TeacherConfig

    net = tokenizer.network.config
    home, teacher = settings.cache_dir() / "banks", TeacherConfig(side=net.side, grid=net.grid, channels=32)
    train = SceneBank(home, SceneBankConfig(count=fitted), teacher)
    test = SceneBank(home, SceneBankConfig(split="test", count=tested), teacher)
    for bank in (train, test):
        bank.build(_say)
    found: dict[str, Any] = {"model": tokenizer.name, "raw": raw, "fitted": fitted, "tested": tested}
    found |= reconstruction(tokenizer.network, test, range(tested))
    found |= probe_path(tokenizer.network, train, test, levels=chosen, fitted=fitted, tested=tested, raw=raw)
    if json:
        print(json_module.dumps(found))
        return
    print(f"PSNR {found['psnr']:.2f} dB, SSIM {found['ssim']:.3f} on {tested} held-out scenes")
    print("level   " + "  ".join(f"{level:6g}" for level in chosen))
    for name in ("object_noun", "object_colour", "token_noun"):
        print(f"{name:14}" + "  ".join(f"{found[name][level]:6.3f}" for level in chosen))


def _loaded(model: str) -> Tokenizer:
    check_kind(model, "tokenize", "a tokenizer")
    from lucida.systems.registry import load

    return load(model)


def _folder() -> Path:
    from lucida.cli.results import default_folder

    return default_folder("tokenize")


def _unique(stem: str, taken: set[str]) -> str:
    """``stem``.png, or with a number where pictures of two folders share a name."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name)
    return f"{name}.png"


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
