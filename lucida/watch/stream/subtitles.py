"""Subtitles (SubRip and WebVTT) as lines on the same clock as the pictures."""

from __future__ import annotations

import html
import os
import re
from dataclasses import dataclass
from pathlib import Path

from lucida.media.errors import InputError

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_ARROW = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
LARGEST = 16 << 20  # bytes


@dataclass(frozen=True, kw_only=True)
class Line:
    """Words on screen in [t0, t1), seconds. ``text`` is one line without markup."""

    t0: float
    t1: float
    text: str


def read_subtitles(path: str | os.PathLike[str]) -> list[Line]:
    """The lines of an SRT or VTT file in order of time; lines without words are left out.

    Numbers and identifiers are ignored, times decide. Markup, positions, notes and styles are dropped.

    Raises:
        InputError: the file is missing, not text, larger than 16 MiB, or has no line with a time; or a line ends
            before it begins.
    """
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST:
            raise InputError(f"{file}: larger than {LARGEST >> 20} MiB: not subtitles")
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from error
    return parse_subtitles(_decoded(raw, str(file)), str(file))


def parse_subtitles(text: str, name: str = "<subtitles>") -> list[Line]:
    """``read_subtitles`` of text that is already here."""
    lines: list[Line] = []
    timed = False
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")):
        rows = block.split("\n")
        at = next((i for i, row in enumerate(rows) if _ARROW.match(row)), None)
        if at is None:
            continue
        timed = True
        found = _ARROW.match(rows[at])
        assert found is not None
        numbers = found.groups()
        t0, t1 = _seconds(numbers[:4]), _seconds(numbers[4:])
        if t1 < t0:
            raise InputError(f"{name}: {rows[at].strip()!r} ends before it begins")
        words = " ".join(html.unescape(_TAG.sub("", " ".join(rows[at + 1 :]))).split())
        if words:
            lines.append(Line(t0=t0, t1=t1, text=words))
    if not timed:
        raise InputError(f"{name}: no line has a time (want SRT or WebVTT)")
    return sorted(lines, key=lambda line: (line.t0, line.t1))


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return (
        3600 * int(hours or 0)
        + 60 * int(minutes or 0)
        + int(seconds or 0)
        + int((fraction or "0").ljust(3, "0")) / 1000
    )


def _decoded(raw: bytes, name: str) -> str:
    encodings = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InputError(f"{name}: not a text file")
