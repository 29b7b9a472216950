"""Runs a describer over the shipped examples and keeps what a page shows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.describe_words import join_pieces
from lucida.cli.page_anchor import anchors
from lucida.cli.page_data import Asked, Line, Shown, Source, View, cells_of
from lucida.cli.page_truth import asked_of, is_right, marks, scene_of, things_of, truth_of
from lucida.media.draw import annotate, palette
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region

if TYPE_CHECKING:
    from lucida.systems.describe.look import Look
    from lucida.systems.describe.system import Describer
    from lucida.world.records import Scene

LONGEST = 900  # pixels of an annotated picture on the page
PHOTO_FILL = 0.2  # composed scenes get none: it would change their colours, which are asked about
QUESTIONS = 4  # per composed scene
AUTOMATIC = ("cat", "coffee")  # photographs that are also shown with the regions found automatically
OPENMOJI = Source(
    package="drawn by Lucida's own world", author="artwork by [OpenMoji](https://openmoji.org), recoloured",
    licence="[CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/)",
)  # fmt: skip


def documents(examples: Path) -> list[Path]:
    """The description files of the examples: photographs first, then composed scenes.

    Raises:
        InputError: there are none.
    """
    found = []
    for path in sorted(examples.glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is not JSON: {error}") from None
        if isinstance(data, dict) and "image" in data and "regions" in data:
            found.append(path)
    if not found:
        raise InputError(f"no examples in {examples}")
    return sorted(found, key=lambda path: (path.stem.startswith("scene-"), path.stem))


def sources(examples: Path) -> dict[str, Source]:
    """Where each photograph comes from, by file name: the table of ``SOURCES.md``."""
    page = examples / "SOURCES.md"
    rows = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    found = {}
    for row in rows:
        parts = [part.strip() for part in row.strip().strip("|").split("|")]
        name = re.fullmatch(r"`([^`]+)`", parts[0])
        if name is not None and len(parts) == 4:
            found[name[1]] = Source(package=parts[1], author=parts[2], licence=parts[3])
    return found


def show(describer: Describer, path: Path, source: Source | None) -> Shown:
    """Describe the example of one JSON file."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    image = Image.open(path.parent / data["image"])
    regions = [Region.from_rle(entry["rle"], source=f"{path.name}: region") for entry in data["regions"]]
    labels = [str(entry["label"]) for entry in data["regions"]]
    composed = path.stem.startswith("scene-")
    scene = scene_of(regions, labels) if composed else None
    look = describer.look(image)
    look.filming = True
    views = [
        _view(
            look,
            "regions drawn by the world" if composed else "regions drawn by hand",
            regions,
            labels,
            scene,
        )
    ]
    if path.stem in AUTOMATIC and (found := look.regions()):
        views.append(_view(look, "regions found automatically", found, [""] * len(found), None))
    picture = look.describe_picture()
    caption = picture[0]
    return Shown(
        name=path.stem,
        composed=composed,
        source=source or OPENMOJI,
        views=tuple(views),
        caption=tuple(join_pieces(caption.text, picture.words[0])),
        caption_confidence=caption.confidence or 0.0,
        caption_truth=things_of(scene) if scene is not None else "",
        asked=_asked(look, regions, scene) if scene is not None else (),
    )


def _view(
    look: Look, title: str, regions: Sequence[Region], labels: Sequence[str], scene: Scene | None
) -> View:
    described = look.describe(regions)
    cells = cells_of(described.events, look.describer.layout.vocabulary)
    colours, places = palette(len(regions)), anchors(regions)
    lines = [
        Line(
            number=i + 1,
            colour=colours[i],
            region=regions[i],
            anchor=places[i],
            words=tuple(join_pieces(caption.text, described.words[i])),
            confidence=caption.confidence or 0.0,
            label=labels[i] if scene is None else truth_of(scene, i),
            marks=marks(caption.text, scene, i) if scene is not None else (),
            cells=cells[i],
        )
        for i, caption in enumerate(described.captions)
    ]
    fill = PHOTO_FILL if scene is None else 0.0
    picture = annotate(look.image, regions, colours=colours, numbers=False, longest=LONGEST, fill=fill)
    return View(title=title, picture=picture, lines=tuple(lines), passes=described.passes,
                token_forwards=described.token_forwards, seconds=described.seconds)  # fmt: skip


def _asked(look: Look, regions: Sequence[Region], scene: Scene) -> tuple[Asked, ...]:
    """Questions about a composed scene, all answered in one decode."""
    from lucida.systems.describe.markers import local, whole

    chosen = asked_of(scene, 0, QUESTIONS)
    if not chosen:
        return ()
    wording = [whole(question.text, question.cites) for question in chosen]
    told = look.ask_all(wording, regions)
    return tuple(
        Asked(
            question=text,
            words=tuple(join_pieces(answer.text, pieces)),
            confidence=answer.confidence or 0.0,
            truth=whole(question.answer, question.cites),
            right=not answer.abstained and is_right(question, local(answer.text, question.cites)),
        )
        for text, question, answer, pieces in zip(wording, chosen, told, told.words, strict=True)
    )
