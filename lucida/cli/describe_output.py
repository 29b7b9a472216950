"""Where descriptions go: lines on stdout, and a folder that can be taken up again.

A folder holds ``results.jsonl``, one line per picture in the order they were finished, and per picture NAME.json,
NAME.png (the annotated picture) and NAME.coco.json (the masks). The line is written last, so whatever it names is
whole; a picture is skipped when its last line was made from the same file by the same request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.media.errors import InputError
from lucida.media.files import atomic_write, unique_dir

if TYPE_CHECKING:
    from lucida.cli.describe_look import Told
    from lucida.media.image import Image

RESULTS = "results.jsonl"
SUFFIXES = (".json", ".png", ".coco.json")
SHORTEST, LONGEST = 960, 2048  # pixels of an annotated picture's longer side
_WIDEST = 4  # times the other side: longer pictures get no caption below


def default_folder(verb: str) -> Path:
    """``runs/VERB/TIME``, new."""
    return unique_dir(Path("runs") / verb / time.strftime("%Y%m%d-%H%M%S"))


def stamp_of(*parts: object) -> str:
    """A short hash of what a result depends on."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=8).hexdigest()


class ResultsFolder:
    """The output folder of a run, perhaps with the results of an earlier one.

    Raises:
        InputError: it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / RESULTS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self.results.open("ab"):
                pass
        except OSError as error:
            raise InputError(f"cannot write to --out {folder}: {error.strerror or error}") from error
        self._done: dict[str, dict[str, Any]] = {}  # by picture: its last line
        self._owner: dict[str, str] = {}  # by NAME: the picture
        text = self.results.read_bytes()
        self._broken = bool(text) and not text.endswith(b"\n")
        for line in text.decode("utf-8", errors="replace").splitlines():
            self._note(line)

    def _note(self, line: str) -> None:
        """Remember a line; one that was cut short by a crash says nothing, and its picture is described again."""
        try:
            entry = json.loads(line)
            picture = entry["image"]
        except (ValueError, KeyError, TypeError):
            return
        self._done[picture] = entry
        if isinstance(entry.get("name"), str):
            self._owner[entry["name"]] = picture

    def finished(self, path: str, stamp: str) -> dict[str, Any] | None:
        """The document of a picture that was described by the same request before."""
        entry = self._done.get(path)
        return entry if entry is not None and entry.get("request") == stamp and "error" not in entry else None

    def tidy(self) -> bool:
        """Leave no trace of a run that wrote nothing; returns whether anything is there."""
        with contextlib.suppress(OSError):
            if not self.results.stat().st_size:
                self.results.unlink()
                self.folder.rmdir()
        return self.results.exists()

    def write(self, path: str, told: Told, document: dict[str, Any], stamp: str) -> None:
        """Write a picture's files, then its line.

        Raises:
            InputError: a file cannot be written.
        """
        from lucida.media.masks import write_masks

        name = self._name(path)
        base = self.folder / name
        atomic_write(
            base.with_name(name + ".json"),
            json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n",
        )
        annotated(told).save(base.with_name(name + ".png"))
        if told.regions:
            labels = [
                label or text or "region" for label, text in zip(told.labels, texts_of(told), strict=True)
            ]
            write_masks(
                "coco", base.with_name(name + ".coco.json"), told.regions, labels, image=Path(path).name
            )
        self._append({**document, "name": name, "request": stamp})

    def failed(self, path: str, message: str) -> None:
        """Note that a picture could not be described; the next run tries again."""
        self._append({"schema": "lucida/1", "image": path, "error": message})

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False)
        try:
            with self.results.open("ab") as file:
                file.write((("\n" if self._broken else "") + line + "\n").encode())
        except OSError as error:
            raise InputError(f"cannot write {self.results}: {error.strerror or error}") from error
        self._broken = False
        self._note(line)

    def _name(self, path: str) -> str:
        """The base of a picture's files: its stem, unless those files belong to something else."""
        for name in _names(Path(path)):
            files = [self.folder / (name + suffix) for suffix in SUFFIXES]
            if (
                self._owner.get(name) == path
                or not any(file.exists() for file in files)
                or _is_of(files[0], path)
            ):
                return name
        raise AssertionError("names never run out")


def _names(path: Path) -> Iterator[str]:
    yield path.stem
    yield path.name
    number = 2
    while True:
        yield f"{path.stem}-{number}"
        number += 1


def _is_of(file: Path, path: str) -> bool:
    """Whether ``file`` is a document about the picture (as a crash before its line leaves it)."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return (
        isinstance(document, dict) and document.get("schema") == "lucida/1" and document.get("image") == path
    )


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
        yield f"{document['image'] + '  ' if several else ''}{label:>7}  {sure}  {text}"
