"""``lucida loop``: draw a picture, look at it with the other systems, and score what they say against the prompt."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.results import made_folder
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.cli.loop_models import Models
    from lucida.systems.generate.system import DrawPlan


def loop(
    *prompts: str,
    steps: int = 20,
    guidance: float = 3.0,
    seed: int = 0,
    segment_steps: int = 4,
    draw_model: str = "generate",
    segment_model: str = "segment",
    describe_model: str = "describe",
    judge: str | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Draw, segment, describe, ask and score, on one page.

    Each prompt is drawn; the picture is segmented, its things and the whole are
    described, and questions whose answers follow from the prompt are asked.
    Everything said is held against what the prompt asks for: nouns, colours, how
    many, and how two things lie.

    stdout has a line per prompt (share right, right/of, prompt), one in total, and
    the page's path. The folder written has index.html, loop.json, and per prompt
    NAME.png (drawn), NAME.map.png (class numbers) and NAME.json; given again with
    --out, prompts that are finished are not drawn again.

    Args:
        prompts: what to draw, such as "a red fox left of a blue umbrella".
        steps: of the drawing.
        guidance: how strongly to follow the prompt; 1: no guidance, half the time.
        seed: of the drawing's noise.
        segment_steps: Euler steps of the class map.
        draw_model: a generator, by name, folder or hub id.
        segment_model: a segmenter; none: the describer finds regions itself and there is no class map.
        describe_model: a describer.
        judge: a judge model, which is no part of the loop, as one more witness (lucida train judge).
        out: the folder to write; default: a new one under runs/loop.
        json: print one JSON document per prompt and line; write nothing without --out.

    Examples:
        lucida loop "a red fox left of a blue umbrella"
        lucida loop "two yellow cats" "a green tree above a car" --seed 3 --out circle
        lucida loop "a red fox" --segment-model none --draw-model runs/train/generate/model
    """
    if not prompts:
        raise InputError(
            'want a prompt, such as "a red fox left of a blue umbrella" (see: lucida loop --help)'
        )
    if seed < 0:
        raise InputError(f"--seed {seed}: want 0 or more")
    if not 1 <= segment_steps <= 256:
        raise InputError(f"--segment-steps {segment_steps}: want 1 to 256")
    from lucida.cli.loop_models import Models
    from lucida.systems.generate.system import DrawPlan
    from lucida.systems.loop.facts import read_prompt

    plan = DrawPlan(steps=steps, guidance=guidance)
    asked = [read_prompt(prompt) for prompt in dict.fromkeys(" ".join(p.split()) for p in prompts)]
    models = Models(draw=draw_model, segment=segment_model, describe=describe_model, judge=judge)
    folder = None if json and out is None else made_folder(out, "loop")
    work = _Work(models, plan, seed, segment_steps, folder)
    records = []
    for number, prompt in enumerate(asked, start=1):
        record = work.record(prompt, f"{number}/{len(asked)} ")
        records.append(record)
        score = record["score"]["all"]
        if json:
            print(json_module.dumps(record, ensure_ascii=False, allow_nan=False))
        else:
            print(f"{_share(score)}  {score['right']:3d}/{score['of']:<3d} {prompt.text}")
        sys.stdout.flush()
    from lucida.cli.loop_page import total, write_page

    summary = total(records)
    if folder is not None:
        path = write_page(folder, records, summary)
        if not json:
            print(f"{_share(summary['score']['all'])}  {summary['score']['all']['right']:3d}/"
                  f"{summary['score']['all']['of']:<3d} in total")  # fmt: skip
            print(path)
    return 0


def _share(entry: dict[str, int]) -> str:
    return f"{entry['right'] / max(entry['of'], 1):.2f}"



class _Work:
    """One run: what is finished is read back, what is missing is made."""

    def __init__(
        self, models: Models, plan: DrawPlan, seed: int, segment_steps: int, folder: Path | None
    ) -> None:
        self.models, self.plan, self.seed, self.segment_steps = models, plan, seed, segment_steps
        self.folder = folder

    def record(self, prompt: Any, count: str) -> dict[str, Any]:
        """Everything about one prompt, as JSON."""
        from lucida.cli.loop_record import name_of, read_record

        stamp = self.models.stamp(prompt.text, self.seed, repr(self.plan), self.segment_steps)
        name = name_of(prompt.text, self.seed, stamp)
        if self.folder is not None and (before := read_record(self.folder, name, stamp)) is not None:
            sys.stderr.write(f"{count}{prompt.text}: finished before\n")
            return before
        return self._made(prompt, count, name, stamp)

    def _made(self, prompt: Any, count: str, name: str, stamp: str) -> dict[str, Any]:
        from lucida.cli.loop_record import record_of, write_record
        from lucida.systems.loop.run import inspect

        models = self.models
        sys.stderr.write(f"{count}{prompt.text}: drawing\n")
        drawing = models.generator.draw(prompt.text, seed=self.seed, plan=self.plan)
        found = inspect(
            drawing.images[0], prompt, segmenter=models.segmenter, describer=models.describer,
            steps=self.segment_steps, judge=models.judge,
        )  # fmt: skip
        record = record_of(drawing, found, name=name, stamp=stamp, models=models.names)
        if self.folder is not None:
            write_record(self.folder, record, drawing.images[0], found.segmentation)
        return record
