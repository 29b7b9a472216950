"""Where descriptions go: lines on stdout, and a folder that can be taken up again (``cli.results``).

Beside its document a picture has NAME.png (the annotated picture) and NAME.coco.json (the masks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.results import Results

if TYPE_CHECKING:
    from lucida.cli.describe_look import Told
    from lucida.media.image import Image

SUFFIXES = (".png", ".coco.json")
SHORTEST, LONGEST = 960, 2048  # pixels of an annotated picture's longer side
_WIDEST = 4  # times the other side: longer pictures get no caption below


class ResultsFolder(Results):
    """The output folder of descriptions; see ``Results``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SUFFIXES)

    def write(self, path: str, told: Told, document: dict[str, Any], stamp: str) -> None:
        """Write a picture's files, then its line.

        Raises:
            InputError: a file cannot be written.
        """
        from lucida.media.masks import write_masks

        picture, coco = SUFFIXES
        files: dict[str, Callable[[Path], object]] = {picture: annotated(told).save}
        if told.regions:
            labels = [
                label or text or "region" for label, text in zip(told.labels, texts_of(told), strict=True)
            ]
            files[coco] = lambda file: write_masks("coco", file, told.regions, labels, image=Path(path).name)
        self.keep(path, document, stamp, files)


def texts_of(told: Told) -> list[str]:
    """One text per region: its caption or its own answer, "" where what was said is not about one region."""
    from lucida.media.records import Caption

    by_region: dict[int, str] = {}
    for result in told.results:
        if isinstance(result, Caption):
            if result.region is not None:
                by_region[len(by_region)] = result.text
        elif len(told.results) == len(told.regions):
            by_region[len(by_region)] = result.text
    return [by_region.get(i, "") for i in range(len(told.regions))]


def annotated(told: Told) -> Image:
    """The picture with its regions, their texts, and below it what is said of the whole."""
    from lucida.media.draw import annotate
    from lucida.media.records import Caption
    from lucida.media.sheet import strip

    longest = min(max(*told.image.size, SHORTEST), LONGEST)
    picture = annotate(told.image, told.regions, texts_of(told), longest=longest)
    texts = texts_of(told)
    below = [
        r.text
        for r in told.results
        if not (isinstance(r, Caption) and r.region is not None) and r.text not in texts
    ]
    height, width = picture.size
    if not below or max(height, width) > _WIDEST * min(height, width):
        return picture
    return strip([picture], [" / ".join(below)], height=height)


def lines_of(document: dict[str, Any], *, several: bool) -> Iterator[str]:
    """One line per result: number (or "picture", "answer"), confidence, text; led by the path among several."""
    number = 0
    results = document["results"]
    single = "question" in document and len(results) == 1
    for entry in results:
        if "region" in entry and entry["region"] is None:
            label = "picture"
        elif single:
            label = "answer"
        else:
            number += 1
            label = str(number)
        confidence = entry["confidence"]
        sure = f"{confidence:.2f}" if confidence is not None else "   -"
        text = " ".join(entry["text"].split()) or "(no words)"  # one line, whatever the bytes of its tokens
        ground = f" ({' '.join(entry['reason'].split())})" if entry.get("reason") else ""
        yield f"{document['image'] + '  ' if several else ''}{label:>7}  {sure}  {text}{ground}"
