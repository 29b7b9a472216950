"""``lucida draw``: a picture from a sentence."""

from __future__ import annotations

import json as json_module
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from lucida.cli.kinds import check_kind
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.flow.solvers import StepEvent
    from lucida.media.image import Image
    from lucida.systems.generate.system import Drawing, Generator

STRIP = 8  # most steps that a strip shows
SHEET = 256  # pixels per picture of a sheet


def draw(
    prompt: str,
    *,
    count: Annotated[int, Parameter(name=["--count", "-n"])] = 1,
    steps: int = 20,
    guidance: float = 3.0,
    method: Literal["euler", "heun"] = "euler",
    seed: int = 0,
    strip: bool = False,
    preview: bool = False,
    bad: str | None = None,
    engine: Literal["flow"] = "flow",
    model: str = "generate",
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Draw pictures from a sentence.

    stdout has a path per picture. The folder written has NAME-SEED.png and NAME-SEED.json per picture, of several
    pictures NAME.sheet.png (all of them, enlarged), and with --strip NAME-SEED.strip.png: what the picture was going to
    be, step by step. The same seed draws the same picture.

    Args:
        prompt: what to draw, such as "a small red fox left of a blue umbrella".
        count: how many pictures, with the seeds from SEED on.
        steps: of the solver.
        guidance: how strongly to follow the prompt; 1: no guidance, half the time.
        method: euler, or heun (twice the passes, fewer steps needed).
        seed: of the noise.
        strip: also write the steps of each picture as one strip.
        preview: keep rewriting preview.png in the folder while drawing, to look at with a viewer that reloads.
        bad: a weaker generator to guide away from, instead of from the empty prompt (auto-guidance).
        engine: flow, the continuous one.
        model: a name, a folder or a hub id.
        out: the folder to write; default: a new one under runs/draw.
        json: print one JSON document per picture and line; write nothing without --out.

    Examples:
        lucida draw "a small red fox left of a blue umbrella" -n 4
        lucida draw "two yellow cats" --steps 50 --guidance 2 --seed 7 --strip --out cats
    """
    if not prompt.strip():
        raise InputError("the prompt is empty")
    if count < 1:
        raise InputError(f"--count {count}: want at least 1")
    if seed < 0:
        raise InputError(f"--seed {seed}: want 0 or more")
    if (strip or preview) and json and out is None:
        raise InputError("--strip and --preview write files: give --out beside --json")
    from lucida.systems.generate.system import DrawPlan

    plan = DrawPlan(steps=steps, guidance=guidance, method=method)
    generator = _loaded(model)
    if strange := generator.never_drawn(prompt):
        sys.stderr.write(f"lucida: note: {generator.name} has never seen {', '.join(strange)}; expect a guess\n")
    worse = _loaded(bad) if bad is not None else None
    folder = out or (None if json else _folder())
    see = _Steps(generator, folder if preview else None, kept=strip)
    drawing = generator.draw(prompt, count=count, seed=seed, plan=plan, bad=worse, on_event=see)
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    name = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:48] or "drawing"
    for i, image in enumerate(drawing.images):
        stem = f"{name}-{drawing.seeds[i]}"
        document = _document(drawing, i, f"{stem}.png", generator.name, plan)
        if folder is not None:
            from lucida.media.files import atomic_write

            image.save(folder / f"{stem}.png")
            atomic_write(
                folder / f"{stem}.json", json_module.dumps(document, ensure_ascii=False, indent=2) + "\n"
            )
            if strip:
                see.strip(i).save(folder / f"{stem}.strip.png")
        print(json_module.dumps(document, ensure_ascii=False) if json else folder and folder / f"{stem}.png")
    if folder is not None and count > 1:
        from lucida.media.sheet import contact_sheet

        captions = [f"seed {seed}" for seed in drawing.seeds]
        contact_sheet(drawing.images, captions, tile=SHEET).save(folder / f"{name}.sheet.png")
    return 0


class _Steps:
    """Follows the steps: progress on stderr, a preview file, and the guesses kept for strips."""

    def __init__(self, generator: Generator, preview: Path | None, *, kept: bool) -> None:
        self.generator, self.preview, self.kept = generator, preview, kept
        self.guesses: list[list[tuple[str, Image]]] = []  # per call of the solver's batch, then per step
        self.rows: list[list[tuple[str, Image]]] = []

    def __call__(self, event: StepEvent) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\rstep {event.step}/{event.steps}, {event.passes} passes")
            sys.stderr.flush()
        wanted = self.kept and _shown(event.step, event.steps)
        if not wanted and self.preview is None:
            return
        images = self.generator.see(event.data)
        if self.preview is not None:
            from lucida.media.sheet import contact_sheet

            contact_sheet(images, tile=128).save(self.preview / "preview.png")
        if wanted:
            if event.step == 1:
                self.guesses = [[] for _ in images]
                self.rows += self.guesses
            for row, image in zip(self.guesses, images, strict=True):
                row.append((f"step {event.step}", image))

    def strip(self, i: int) -> Image:
        """The kept guesses of picture i, left to right."""
        from lucida.media.sheet import strip

        words, images = zip(*self.rows[i], strict=True)
        return strip(images, words, height=128)


def _shown(step: int, steps: int) -> bool:
    """Whether a strip of at most STRIP pictures shows this step; always the first and the last."""
    if steps <= STRIP:
        return True
    return step in {1 + round(k * (steps - 1) / (STRIP - 1)) for k in range(STRIP)}


def _document(drawing: Drawing, i: int, name: str, model: str, plan: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from lucida.media.document import result_document
    from lucida.media.records import Caption

    found = [Caption(None, drawing.prompt, None, plan.steps)]
    seconds = round(drawing.seconds, 4)
    document = result_document(
        found, size=drawing.images[i].size, image=name, nfe=drawing.passes, seconds=seconds, model=model,
        seed=drawing.seeds[i],
    )  # fmt: skip
    return {**document, "plan": asdict(plan)}


def _loaded(model: str) -> Generator:
    check_kind(model, "generate", "a generator")
    from lucida.systems.registry import load

    loaded: Callable[[str], Generator] = load
    return loaded(model)


def _folder() -> Path:
    from lucida.cli.results import default_folder

    return default_folder("draw")
