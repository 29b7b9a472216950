"""The cache, addressed by content only: a changed prompt, file, frame plan or setting can never reuse a reply."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lucida.bench.records import Reply, Request, reply_from_json, to_json
from lucida.media import settings
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

VERSION = 1  # raise it when the meaning of anything that is hashed changes


def digest(document: Any) -> str:
    """SHA-256 of a JSON value in a canonical form, as 40 hex digits."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Cache:
    """Hashes of media, replies, and encoded frames under one folder. Safe to share between processes.

    Args:
        folder: default: ``bench`` in Lucida's cache folder.
        replies: whether replies are looked up and kept.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, replies: bool = True) -> None:
        self.folder = Path(folder) if folder is not None else settings.cache_dir() / "bench"
        self.replies = replies
        self._known: dict[tuple[str, int, int], str] = {}

    def media_hash(self, path: Path) -> str:
        """SHA-256 (40 hex digits) of a file's bytes, remembered by its path, size and time of change.

        Raises:
            InputError: it cannot be read.
        """
        try:
            status = path.stat()
            if not path.is_file():
                raise InputError(f"{path}: not a file")
            identity = (str(path.absolute()), status.st_size, status.st_mtime_ns)
            if identity in self._known:
                return self._known[identity]
            note = self.folder / "media" / digest(identity)
            if note.is_file() and len(found := note.read_text().strip()) == 40:
                self._known[identity] = found
                return found
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()[:40]
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        atomic_write(note, found)
        self._known[identity] = found
        return found

    def request_key(
        self, request: Request, data: Path, identity: Mapping[str, Any], siblings: tuple[Request, ...] = ()
    ) -> str:
        """The address of the reply to ``request``: text, media bytes, frame plan, model with its settings and seed.

        Ids, paths and ``meta`` are no part of it. A medium that cannot be read is hashed by its path.
        """
        asked = [self._asked(one, data) for one in (request, *siblings)]
        return digest({"version": VERSION, "asked": asked, "model": dict(identity)})

    def _asked(self, request: Request, data: Path) -> dict[str, Any]:
        document = to_json(request)
        for name in ("id", "item", "cluster", "meta", "group"):
            document.pop(name, None)
        media = []
        for ref in request.media:
            try:
                content = self.media_hash(data / ref.path)
            except InputError:
                content = f"unreadable {ref.path}"
            media.append([content, ref.kind, ref.span])
        return {**document, "media": media}

    def _place(self, key: str) -> Path:
        return self.folder / "replies" / key[:2] / f"{key}.json"

    def get(self, key: str) -> Reply | None:
        """The reply kept at ``key``; a damaged entry counts as none."""
        if not self.replies:
            return None
        try:
            return reply_from_json(json.loads(self._place(key).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; one with an error is never kept."""
        if self.replies and reply.error is None:
            atomic_write(self._place(key), json.dumps(to_json(reply), allow_nan=False))
