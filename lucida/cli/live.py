"""Progress on stderr: on a terminal a live canvas of the passes, elsewhere one plain line per picture."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lucida.canvas.decoding import DecodeEvent
    from lucida.canvas.vocabulary import Vocabulary
    from lucida.systems.describe.records import Film

COMMITTED, NEW, GUESSED, MASKED = "bold", "bold green", "dim italic", "dim"
MASK = "·"


class LiveCanvas:
    """Shows what a decode is doing. Use it as a context manager: it always leaves the terminal as it was.

    ``on_terminal`` says whether there is anything to see; if not, only :meth:`say` writes.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.on_terminal = self.console.is_terminal and not self.console.is_dumb_terminal
        self.vocabulary: Vocabulary | None = None
        self._live: Live | None = None

    def __enter__(self) -> LiveCanvas:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def doing(self, words: str) -> None:
        """Say what is going on until something else is shown; only on a terminal."""
        if self.on_terminal:
            self._show(Text(words, style="dim"))

    def see(self, film: Film, event: DecodeEvent) -> None:
        """Show the canvas after a pass; only on a terminal."""
        if self.on_terminal and self.vocabulary is not None:
            room = max(self.console.height - 4, 1)
            self._show(canvas_table(film, event, self.vocabulary, room, self.console.width))

    def say(self, line: str) -> None:
        """A line that stays, above whatever is being shown."""
        self.console.print(Text(line), soft_wrap=True)

    def clear(self) -> None:
        """Take away what is being shown."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _show(self, what: Table | Text) -> None:
        if self._live is None:
            self._live = Live(console=self.console, transient=True, auto_refresh=False, redirect_stdout=False)
            self._live.start()
        self._live.update(what, refresh=True)


def canvas_table(film: Film, event: DecodeEvent, vocabulary: Vocabulary, room: int, width: int) -> Table:
    """The canvas after a pass: a row per region, at most ``room`` of them.

    Committed tokens are bold (green in the pass that committed them), guesses dim, masks dots; slots cut off by an
    end token are gone.
    """
    rows = len(film.labels)
    title = f"pass {event.passes}, {int(event.committed.sum())} of {int(event.alive.sum())} tokens committed"
    table = Table(
        box=None,
        show_header=False,
        padding=(0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="dim",
    )
    table.add_column(justify="right", style="cyan", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(width - 12, 8))
    for row in range(min(rows, room)):
        table.add_row(film.labels[row], row_text(event, row, vocabulary))
    if rows > room:
        table.add_row("…", Text(f"and {rows - room} more", style="dim"))
    return table


def row_text(event: DecodeEvent, row: int, vocabulary: Vocabulary) -> Text:
    """One row of the canvas as styled text."""
    text = Text()
    slots = zip(
        event.ids[row].tolist(), event.guesses[row].tolist(), event.committed[row].tolist(), event.new[row].tolist(),
        event.alive[row].tolist(), strict=True,
    )  # fmt: skip
    for number, guess, committed, new, alive in slots:
        if not alive or (committed and number == vocabulary.end):
            continue
        if committed:
            text.append(vocabulary.token(number), style=NEW if new else COMMITTED)
        elif guess not in (vocabulary.mask, vocabulary.end):
            text.append(vocabulary.token(guess), style=GUESSED)
        else:
            text.append(MASK, style=MASKED)
        text.append(" ")
    return text
