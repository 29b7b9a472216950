"""Between a source and the engine: a file waits for us; of a live source frames are dropped if need be."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from lucida.media.errors import InputError
from lucida.media.video import Frame
from lucida.watch.stream.sources import paced


class Frames(Protocol):
    """What a source offers (see ``sources``)."""

    live: bool

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class Intake:
    """Frames of a source at ``fps``, in order.

    A source that waits is simply pulled: it never runs ahead of us, so there is nothing to drop. A live one is read by
    a thread into a queue of ``size`` frames; when that is full the oldest waiting frame goes and is counted,
    because a late alarm about now is worth more than a punctual one about the past.

    Attributes:
        received: frames taken at ``fps``. dropped: of these, how many were never looked at.
    """

    def __init__(self, source: Frames, fps: float, *, size: int = 4) -> None:
        if size < 1:
            raise InputError(f"the queue must hold at least 1 frame, got {size}")
        self._source, self._fps, self._size = source, fps, size
        self.received = self.dropped = 0
        self._queue: deque[Frame] = deque()
        self._ready = threading.Condition()
        self._over = False
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[Frame]:
        if not self._source.live:
            for frame in paced(self._source.frames(), self._fps):
                self.received += 1
                yield frame
            return
        threading.Thread(target=self._read, name="lucida-intake", daemon=True).start()
        while True:
            with self._ready:
                # A timeout lets Ctrl-C through on every platform.
                while not self._queue and not self._over:
                    self._ready.wait(0.2)
                if not self._queue:
                    break
                frame = self._queue.popleft()
            yield frame
        if self._error is not None:
            raise self._error

    @property
    def waiting(self) -> int:
        """Bytes of frames that wait in the queue."""
        with self._ready:
            return sum(frame.pixels.nbytes for frame in self._queue)

    def stop(self) -> None:
        """No more frames are taken; the source is let go unless a thread still reads it."""
        with self._ready:
            self._over = True
        if not self._source.live:
            self._source.close()

    def _read(self) -> None:
        try:
            for frame in paced(self._source.frames(), self._fps):
                with self._ready:
                    if self._over:
                        break
                    self.received += 1
                    if len(self._queue) == self._size:
                        self._queue.popleft()
                        self.dropped += 1
                    self._queue.append(frame)
                    self._ready.notify()
        except BaseException as error:  # handed to whoever iterates
            self._error = error
        with self._ready:
            self._over = True
            self._ready.notify()
