"""``lucida describe``: captions for regions and pictures, or answers about them."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from lucida.cli.describe_inputs import Wanted, expand, file_stamp
from lucida.cli.kinds import check_kind
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.canvas.plan import Plan
    from lucida.cli.describe_look import Told, Wishes
    from lucida.cli.describe_output import ResultsFolder
    from lucida.cli.live import LiveCanvas
    from lucida.cli.page_data import Shown
    from lucida.systems.describe.system import Describer

Law = Literal["linear", "cosine", "threshold", "run"]
MOST_STEPS = 256
CAP = 16  # passes for a threshold plan, which ends by itself
Several = Parameter(consume_multiple=True)


def describe(
    *images: str,
    masks: Annotated[list[Path] | None, Several] = None,
    boxes: Annotated[list[str] | None, Several] = None,
    pixels: bool = False,
    coco: Path | None = None,
    question: str | None = None,
    style: int = 0,
    steps: int | None = None,
    plan: Law | None = None,
    seed: int = 0,
    no_hints: bool = False,
    propose: str = "auto",
    model: str = "describe",
    limit: int | None = None,
    out: Path | None = None,
    json: bool = False,
    page: bool = False,
) -> int:
    """Describe regions of pictures, all at once.

    Give masks, boxes or COCO annotations and those regions are described. With
    none, regions are found automatically and the whole picture gets a caption too.

    stdout has a line per region: its number, how sure the model is, the text.
    The folder written has NAME.json, NAME.png (annotated) and NAME.coco.json per
    picture, and results.jsonl; given again, it is taken up where it stopped.

    Args:
        images: pictures, folders of pictures, or patterns such as "photos/*.jpg".
        masks: mask pictures of one picture, one per region.
        boxes: x0,y0,x1,y1 from 0 to 1, one per region, for every picture.
        pixels: the boxes are in pixels.
        coco: a COCO file with annotations for these pictures, or the official annotations of DLC-Bench,
            ParaDLC-Bench or GAR-Bench.
        question: answer this instead: for each region, or about those it cites, as in "what is left of <2>?".
        style: which way of phrasing, 0 to 5.
        steps: forward passes of a decode; default 4, for whole pictures 8.
        plan: tokens per pass: linear, cosine, threshold (all it is sure of), or run (the longest beginning it is
            sure of); the last two end by themselves, after 16 passes at most. Default: as the model's recipe chose.
        seed: of the sampling noise; kept in the results.
        no_hints: do not tell the model what the vision tower would call each region.
        propose: who finds regions where none are given: own (the describer's vision tower), segment or another
            segmenter's name or folder (the things of its class map); auto: segment where it is installed and meant to.
        model: a name, a folder or a hub id (see: lucida list).
        limit: describe at most so many new pictures.
        out: the folder to write; default: a new one under runs/describe.
        json: print one JSON document per picture and line; write nothing without --out.
        page: also write index.html: every word with how sure it is and the pass it was written in.

    Examples:
        lucida describe photo.jpg
        lucida describe photo.jpg --boxes 0.1,0.2,0.5,0.9 0.5,0,1,1
        lucida describe photo.jpg --masks cat.png dog.png --question "what is <2>?"
        lucida describe photo.jpg --masks cat.png dog.png --question "what is left of <2>?"
        lucida describe photo.jpg --propose segment
        lucida describe photos --coco instances.json --out captions --page
        lucida describe "photos/*.jpg" --json
    """
    paths = expand(images)
    wanted = Wanted(
        masks=tuple(map(str, masks or ())),
        boxes=tuple(boxes or ()),
        pixels=pixels,
        coco=str(coco) if coco else None,
    )
    _check(style, steps, limit, question)
    wanted.check(len(paths))
    check_kind(model, "describe", "a describer")
    _check_proposer(propose, wanted)
    if page and json and out is None:
        raise InputError("--page needs a folder to write to: give --out beside --json")
    results = _results(out, json, images)

    from lucida.cli.describe_look import Wishes
    from lucida.cli.live import LiveCanvas

    wishes = Wishes(question=question, style=style, plan=_plan(plan, steps), seed=seed, hints=not no_hints)
    try:
        with LiveCanvas() as canvas:
            job = _Job(
                wanted, wishes, model, results, canvas, several=len(paths) > 1, as_json=json, page=page,
                propose=propose,
            )  # fmt: skip
            return job.run(paths, limit)
    finally:
        if results is not None and results.tidy():
            sys.stderr.write(f"written to {results.folder}\n")


def _check(style: int, steps: int | None, limit: int | None, question: str | None) -> None:
    from lucida.world.language_captions import STYLES_TRAIN

    if style not in STYLES_TRAIN:
        raise InputError(f"--style {style}: want {STYLES_TRAIN[0]} to {STYLES_TRAIN[-1]}")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise InputError(f"--steps {steps}: want 1 to {MOST_STEPS}")
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}: want at least 1")
    if question is not None and not question.strip():
        raise InputError("--question is empty")


def _check_proposer(propose: str, wanted: Wanted) -> None:
    """That there is somebody to find regions, and something to find."""
    from lucida.models.store import read_config, resolve_weights

    if propose != "auto" and wanted.given:
        raise InputError(f"--propose {propose}: regions are given, so none are looked for")
    if propose in ("auto", "own"):
        return
    try:
        system = read_config(resolve_weights(propose)).get("system")
    except InputError as error:
        raise InputError(f"--propose: {error}; a segmenter is made by: lucida train segment") from error
    if system != "segment":
        is_ = f"runs the system {system!r}" if system else "is a part"
        raise InputError(f"--propose {propose}: {is_}, not a segmenter (want own, or a segmenter's name or folder)")


def _plan(law: Law | None, steps: int | None) -> Plan | None:
    """The plan asked for; None where nothing was asked, so that the describer's own defaults hold."""
    from lucida.canvas.plan import Plan

    if law is None and steps is None:
        return None
    if law == "run":
        return Plan(law="threshold", order="left-to-right", threshold=0.8, tail=0.9, steps=steps or CAP)
    return Plan(law=law or "linear", steps=steps or (CAP if law == "threshold" else 4))


def _results(out: Path | None, json: bool, images: tuple[str, ...]) -> ResultsFolder | None:
    from lucida.cli.describe_output import ResultsFolder
    from lucida.cli.results import default_folder

    if out is None:
        return None if json else ResultsFolder(default_folder("describe"))
    for item in images:
        if Path(item).is_dir() and out.exists() and out.samefile(item):
            raise InputError(
                f"--out {out} is the folder of the pictures: the next run would describe what this one writes"
            )
    return ResultsFolder(out)


class _Job:
    """One run over some pictures. A bad picture among several is named and passed over; a bad disk ends the run."""

    def __init__(
        self, wanted: Wanted, wishes: Wishes, model: str, results: ResultsFolder | None, canvas: LiveCanvas,
        *, several: bool, as_json: bool, page: bool = False, propose: str = "auto",
    ) -> None:  # fmt: skip
        self.wanted, self.wishes, self.model, self.results, self.canvas = (
            wanted,
            wishes,
            model,
            results,
            canvas,
        )
        self.several, self.as_json, self.propose = several, as_json, propose
        self.shown: list[Shown] | None = [] if page else None
        self._describer: Describer | None = None

    def run(self, paths: list[str], limit: int | None) -> int:
        """Describe them; returns the exit code."""
        new = failed = skipped = 0
        for number, path in enumerate(paths, start=1):
            stamp = self._stamp(path)
            before = self.results.finished(path, stamp) if self.results else None
            if before is not None:
                skipped += 1
                self._print(before)
                continue
            if limit is not None and new == limit:
                break
            new += 1
            try:
                told = self._tell(path, f"{number}/{len(paths)} " if self.several else "")
            except InputError as error:
                if not self.several:
                    raise
                failed += 1
                self.canvas.clear()
                self.canvas.say(f"lucida: error: {_naming(path, str(error))}")
                if self.results is not None:
                    self.results.failed(path, str(error))
                continue
            document = told.document(path=path, model=self.model, wishes=self.wishes)
            if self.results is not None:
                self.results.write(path, told, document, stamp)
                self._show(path, told)
            self._print(document)
        if self.shown and self.results is not None:
            from lucida.cli.describe_page import write_page

            write_page(self.results.folder, self.shown, self.model)
        if skipped:
            self.canvas.say(f"{skipped} of {len(paths)} were described before")
        if failed:
            self.canvas.say(f"{failed} of {new} pictures could not be described")
        return 2 if failed else 0

    def _tell(self, path: str, count: str) -> Told:
        from lucida.cli.describe_look import cited, tell
        from lucida.media.image import Image

        image = Image.open(path)
        regions, labels = self.wanted.regions(image, path) if self.wanted.given else (None, [])
        if self.wishes.question is not None:
            cited(self.wishes.question, len(regions or ()))  # before the model is loaded
            regions = regions or []
        describer = self._loaded()
        self.canvas.doing(f"{count}{path}: looking")
        filming = self.shown is not None
        watch = self.canvas.see if self.canvas.on_terminal else None  # watching costs time
        told = tell(describer, image, regions, labels, self.wishes, watch, filming=filming)
        self.canvas.clear()
        what = f"{len(told.regions)} region{'' if len(told.regions) == 1 else 's'}, "
        self.canvas.say(
            f"{count}{path}: {what}{told.passes} passes, {told.seconds:.2f} s{f'; {told.note}' if told.note else ''}"
        )
        return told

    def _show(self, path: str, told: Told) -> None:
        """Keep the picture for the page."""
        if self.shown is not None and self._describer is not None:
            from lucida.cli.describe_page import shown_of

            self.shown.append(shown_of(told, path, self._describer.layout.vocabulary, self.wishes.question))

    def _loaded(self) -> Describer:
        """The model, read when the first picture has turned out to be one."""
        if self._describer is None:
            self.canvas.doing(f"reading the model {self.model}")
            from lucida.systems.registry import load

            describer: Describer = load(self.model)
            self._describer = describer
            if not self.wanted.given:
                from lucida.systems.segment.proposals import proposer_of

                describer.proposer = proposer_of(self.propose)
            self.canvas.vocabulary = describer.layout.vocabulary
            if describer.twin and self.wishes.plan is not None:
                self.canvas.clear()
                self.canvas.say(
                    f"lucida: warning: --plan and --steps are ignored: {self.model} writes word by word"
                )
        return self._describer

    def _print(self, document: dict[str, Any]) -> None:
        from lucida.cli.describe_output import lines_of

        write: Callable[[str], object] = print
        if self.as_json:
            write(json_module.dumps(document, ensure_ascii=False, allow_nan=False))
        else:
            for line in lines_of(document, several=self.several):
                write(line)
        sys.stdout.flush()

    def _stamp(self, path: str) -> str:
        from lucida.cli.results import stamp_of

        w = self.wishes
        asked = (w.question, w.style, repr(w.plan), w.seed, w.hints)
        chosen = () if self.propose == "auto" else (self.propose,)
        return stamp_of(file_stamp(path), self.wanted.stamp(), self.model, *asked, *chosen)


def _naming(path: str, message: str) -> str:
    """The message with the picture's path in front, unless it is named already."""
    return message if path in message else f"{path}: {message}"
