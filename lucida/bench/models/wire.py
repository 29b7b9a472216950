"""What goes over the wire to an endpoint, as bytes: a frame becomes a data URL once, for all requests that show it.

A chat with 16 frames is a third of a megabyte of JSON. Building it from dictionaries, which a client then walks entry
by entry, cost more processor time than everything else of a request together.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lucida.bench.prepare import Prepared

ROOM = 32 * 2**20  # bytes of ready frames that are kept, so that memory stays flat


class Wire:
    """Chats as JSON. Threads may share it.

    Args:
        stamps: whether each frame's time stands before it.
        room: bytes of ready pictures kept.
    """

    def __init__(self, *, stamps: bool = True, room: int = ROOM) -> None:
        self.stamps, self.room = stamps, room
        self._ready: OrderedDict[Path, bytes] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def chat(self, prepared: Prepared) -> bytes:
        """The JSON array ``messages``: system line, then pictures and frames (each after its time), then the prompt."""
        parts: list[bytes] = []
        for medium in prepared.shown:
            for number, file in enumerate(medium.files):
                if medium.times and self.stamps:
                    parts.append(_json({"type": "text", "text": f"<{medium.times[number]:.2f} seconds>"}))
                parts.append(self.picture(file))
        parts.append(_json({"type": "text", "text": prepared.prompt}))
        system = prepared.request.system
        first = _json({"role": "system", "content": system}) + b"," if system else b""
        return b"[" + first + b'{"role":"user","content":[' + b",".join(parts) + b"]}]"

    def picture(self, file: Path) -> bytes:
        """The content part of one JPEG file."""
        with self._lock:
            if file in self._ready:
                self._ready.move_to_end(file)
                return self._ready[file]
        url = b"data:image/jpeg;base64," + base64.b64encode(file.read_bytes())
        part = b'{"type":"image_url","image_url":{"url":"' + url + b'"}}'
        with self._lock:
            if file not in self._ready:
                self._ready[file] = part
                self._held += len(part)
            while self._held > self.room:
                self._held -= len(self._ready.popitem(last=False)[1])
        return part


def body(messages: bytes | Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> bytes:
    """A request's body: ``settings`` and the messages, which may be JSON already."""
    encoded = messages if isinstance(messages, bytes) else _json(list(messages))
    return b'{"messages":' + encoded + b"," + _json(dict(settings))[1:]


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
