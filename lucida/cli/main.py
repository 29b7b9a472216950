"""The ``lucida`` command: a table of verbs, each imported only when it is asked for."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lucida import __version__
from lucida.cli.run import UsageError, guarded

if TYPE_CHECKING:
    from cyclopts import App


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One verb: where it lives (``module:function`` or ``module:App``) and its line in ``lucida --help``."""

    target: str
    line: str
    group: str = "See and draw"


VERBS: dict[str, Verb] = {
    "describe": Verb(
        target="lucida.cli.describe:describe", line="Describe regions of pictures, all at once."
    ),
    "watch": Verb(
        target="lucida.cli.watch:watch", line="Watch a video or a live stream for what you name."
    ),
    "ask": Verb(target="lucida.cli.ask:ask", line="Ask about a film."),
    "index": Verb(target="lucida.cli.index:index", line="Watch films once and keep what was found."),
    "segment": Verb(target="lucida.cli.segment:segment", line="Say the class of every pixel."),
    "draw": Verb(target="lucida.cli.draw:draw", line="Draw pictures from a sentence."),
    "loop": Verb(target="lucida.cli.loop:loop", line="Draw, segment, describe, ask and score, on one page."),
    "demo": Verb(
        target="lucida.cli.demo:demo", line="Make a page that shows it all on the shipped examples."
    ),
    "tokenize": Verb(
        target="lucida.cli.tokenize:app", line="Turn pictures into latents and latents into pictures.", group="Make"
    ),
    "train": Verb(target="lucida.cli.train:train", line="Train a recipe.", group="Make"),
    "world": Verb(
        target="lucida.cli.world:app", line="Preview, export and extend the shipped world.", group="Make"
    ),
    "claims": Verb(
        target="lucida.cli.claims:app",
        line="List, run and render the claims and their numbers.",
        group="Make",
    ),
    "bench": Verb(target="lucida.cli.bench:app", line="Run benchmarks; score, report and compare.", group="Make"),
    "list": Verb(
        target="lucida.cli.listing:listing", line="List the systems and the models found here.", group="Look"
    ),
    "env": Verb(target="lucida.cli.env:env", line="Say what a bug report needs to know.", group="Look"),
    "version": Verb(target="lucida.cli.version:version", line="Print the version.", group="Look"),
}
# What people type for a verb that has another name here.
SYNONYMS = {
    "caption": "describe",
    "ls": "list",
    "models": "list",
    "info": "env",
    "fit": "train",
    "doctor": "env",
}

EPILOGUE = """\
Examples:
    lucida describe photo.jpg
    lucida describe photo.jpg --boxes 0.1,0.2,0.5,0.9 --json
    lucida demo

Environment:
    LUCIDA_HOME       your own weights, and the cache
    LUCIDA_DEVICE     auto, cpu, cuda, cuda:N or mps
    LUCIDA_OFFLINE=1  never fetch anything
    LUCIDA_DEBUG=1    show a traceback when Lucida itself is at fault
    NO_COLOR, HF_HOME and HF_HUB_OFFLINE keep their usual meaning.

Exit codes: 0 done, 2 bad input (one line says what), 1 our fault or a
failed check, 130 interrupted."""


def build(verb: str | None = None) -> App:
    """The command line as a cyclopts application.

    With ``verb`` only that one is mounted, under its own full help; without, all are, each under its one
    line, and none is imported. (cyclopts would put a line given here over a verb's own help, and import every
    verb to guess at a typing slip.)
    """
    from cyclopts import App, Group, Parameter

    about = "Lucida sees and draws: one multimodal diffusion system for regions, pictures and video."
    app = App(
        name="lucida",
        help=about,
        version=__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative=()),  # no --no-json beside every --json
        suppress_keyboard_interrupt=False,  # guarded() answers it
    )
    if verb is not None:
        app.command(VERBS[verb].target, name=verb)
        show_examples(app[verb])
        return app
    app.help_epilogue = EPILOGUE
    groups = {entry.group: Group.create_ordered(entry.group) for entry in VERBS.values()}
    for index, (name, entry) in enumerate(VERBS.items()):
        app.command(entry.target, name=name, help=entry.line, group=groups[entry.group], sort_key=index)
    return app


def show_examples(app: App) -> None:
    """Put the ``Examples:`` section of each command's docstring under its help, where cyclopts drops it.

    It drops the section from a docstring with an ``Args:`` section, and keeps it beside an underlined one.
    """
    function = app.default_command
    text = inspect.getdoc(function) or ""
    shown = function is None or app.help_epilogue is not None or re.search("^---", text, flags=re.MULTILINE)
    section = re.search(r"^Examples?:+\n+(.*?)(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if section is not None and not shown:
        lines = [f"    {line}" for line in textwrap.dedent(section[1]).splitlines() if line.strip()]
        app.help_epilogue = "\n".join(["Examples:", *lines])
    for name in app:
        if not name.startswith("-"):
            show_examples(app[name])


def dispatch(tokens: Sequence[str]) -> object:
    """Run one command line and return what its verb returns.

    Raises:
        UsageError: no such verb, or options it does not take.
    """
    first = tokens[0] if tokens else "--help"
    if first not in VERBS and first not in ("--help", "-h", "--version"):
        raise UsageError(_unknown(first))
    from cyclopts import CycloptsError

    app = build(first if first in VERBS else None)
    try:
        return app(list(tokens), print_error=False, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:
        error.verbose = False
        where = f"lucida {first}" if first in VERBS else "lucida"
        raise UsageError(f"{str(error).strip().rstrip('.')} (see: {where} --help)") from error


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"unknown option {word!r} before a verb (see: lucida --help)"
    near = SYNONYMS.get(word) or next(iter(difflib.get_close_matches(word, VERBS, n=1)), None)
    if near is not None:
        return f"unknown verb {word!r}: did you mean {near!r}? (see: lucida --help)"
    return f"unknown verb {word!r}: want one of {', '.join(VERBS)}"


def main(argv: Sequence[str] | None = None) -> int:
    """The console script: run ``argv`` (default: the process's own arguments) and return the exit code."""
    tokens = sys.argv[1:] if argv is None else argv
    return guarded(lambda: dispatch(tokens))


if __name__ == "__main__":
    sys.exit(main())
