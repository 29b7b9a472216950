"""Being asked to stop: a signal is noted, and the loop leaves between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def stop_signal() -> Iterator[list[int]]:
    """A list that gets the number of a SIGINT or SIGTERM, so that the loop can save and leave.

    A second Ctrl-C acts at once, as if nobody had asked for the first. Outside the main thread, where Python does not
    let anyone handle signals, the list stays empty.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(number: int, _frame: object) -> None:
        if number == signal.SIGINT and number in caught:
            signal.signal(signal.SIGINT, previous[signal.SIGINT])
            signal.raise_signal(number)
        caught.append(number)

    previous = {s: signal.getsignal(s) or signal.SIG_DFL for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        for s in previous:
            signal.signal(s, note)
        yield caught
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)
