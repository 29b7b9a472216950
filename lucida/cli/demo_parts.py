"""The demo page's sections about pictures as classes, as drawings and as latents.

A section appears where its model is found by its plain name; where it is not, one line says what makes it. Nothing is
fetched.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lucida.cli.page_parts import LONGEST, enlarged, figure, legend, side_by_side
from lucida.media.image import Image
from lucida.models.store import is_model, known, read_config

PROMPTS = (
    "a red fox left of a blue umbrella",
    "a large green tree, on a striped background",
    "a yellow car below a purple balloon",
)
STEPS, SEGMENT_STEPS = 20, 4
Doing = Callable[[str], None]


def sections(examples: Path, paths: Sequence[Path], doing: Doing) -> str:
    """All sections as HTML.

    Args:
        examples: the folder of the examples. paths: their description files; three are shown. doing: told what is done.
    """
    pictures = _pictures(examples, paths)
    both = "lucida train tokenize, then lucida train generate"
    return "".join((
        _section("Every pixel has a class", "segment", "lucida train segment", lambda: _classes(pictures), doing),
        _section("Drawn from a sentence", "generate", both, _drawn, doing),
        _section("Through latents and back", "tokenize", "lucida train tokenize", lambda: _again(pictures), doing),
    ))  # fmt: skip


def _section(title: str, name: str, make: str, made: Callable[[], str], doing: Doing) -> str:
    missing = _missing(name)
    if missing is not None:
        body = f"<p class=missing>Not here: no model called {escape(missing)}. It is made by: <code>{make}</code></p>"
    else:
        doing(title.lower())
        body = made()
    return f'<section class="part part-{name}"><h2>{title}</h2>{body}</section>\n'


def _missing(name: str) -> str | None:
    """The model that is not there: this one, or the tokenizer it draws with; None: all is there."""
    folders = {known_name: folder for known_name, _, folder in known()}
    if name not in folders:
        return name
    other = read_config(folders[name]).get("tokenizer")
    return None if other is None or other in folders or is_model(Path(str(other))) else str(other)


def _load(name: str) -> Any:
    from lucida.systems.registry import load

    return load(name)


def _pictures(examples: Path, paths: Sequence[Path]) -> list[Image]:
    """Two composed scenes, of things a segmenter does not know and of some it does, and a photograph."""
    scenes = [path for path in paths if path.stem.startswith("scene-")][:2]
    photos = [path for path in paths if not path.stem.startswith("scene-")][:1]
    names = [json.loads(path.read_text(encoding="utf-8"))["image"] for path in (*scenes, *photos)]
    return [Image.open(examples / name) for name in names]


def _classes(pictures: Sequence[Image]) -> str:
    """Each picture beside its class map, with a legend."""
    from lucida.cli.loop_record import classes_of
    from lucida.cli.segment_output import palette_png

    segmenter, parts = _load("segment"), []
    for picture in pictures:
        found = segmenter.segment(picture, steps=SEGMENT_STEPS)
        colours = enlarged(Image.open(palette_png(found)), smooth=False)
        words = f"classes: {found.passes} passes, {found.seconds:.2f} s"
        parts.append(side_by_side([figure(enlarged(picture), "seen"), figure(colours, words)]))
        parts.append(legend(classes_of(found)))
    lead = (
        f"A flow from noise to class codes; {len(segmenter.names)} classes of the drawn world, so photographs are "
        "outside of what it knows. Black: no class fits."
    )
    return f"<p>{lead}</p>{''.join(parts)}"


def _drawn() -> str:
    """A picture per prompt, and what the first was going to be, step by step."""
    from lucida.systems.generate.system import DrawPlan

    generator, plan = _load("generate"), DrawPlan(steps=STEPS)
    guesses: list[tuple[int, Any]] = []
    begin, figures = time.perf_counter(), []
    for prompt in PROMPTS:
        kept = guesses if prompt == PROMPTS[0] else None

        def see(event: Any, kept: list[tuple[int, Any]] | None = kept) -> None:
            if kept is not None and event.step in {1, STEPS // 4, STEPS // 2, STEPS}:  # a row of four
                kept.append((event.step, event.data))

        image = generator.draw(prompt, plan=plan, on_event=see).images[0]
        figures.append(figure(enlarged(image, longest=LONGEST // 2), prompt))
    seconds = time.perf_counter() - begin
    strip = [
        figure(enlarged(generator.see(data)[0], longest=LONGEST // 4), f"step {n}") for n, data in guesses
    ]
    lead = f"{len(PROMPTS)} pictures in {STEPS} steps each, {seconds:.1f} s; below, what the first was going to be."
    return f"<p>{lead}</p>{side_by_side(figures)}{side_by_side(strip)}"


def _again(pictures: Sequence[Image]) -> str:
    """Each picture as the tokenizer sees it, and decoded again."""
    from lucida.metrics.pictures import psnr

    tokenizer, figures = _load("tokenize"), []
    side = tokenizer.network.config.side
    for picture in pictures:
        small = picture.resized((side, side))
        again = tokenizer.reconstruct([small])[0]
        lost = float(psnr(small.pixels, again.pixels))
        figures.append(figure(enlarged(small, longest=LONGEST // 2), f"seen, {side} px"))
        figures.append(figure(enlarged(again, longest=LONGEST // 2), f"again, PSNR {lost:.1f} dB"))
    shape = " x ".join(map(str, tokenizer.shape))
    return f"<p>Encoded into {shape} numbers, decoded again.</p>{side_by_side(figures)}"
