"""What the video protocols share: finding files, prompt templates, options, and reading replies in any language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lucida.bench.protocols.pictures import read_json
from lucida.bench.records import FramePlan
from lucida.media.errors import InputError

_THINK = re.compile(r"<think>.*?</think>|^.*?</think>", re.DOTALL | re.IGNORECASE)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*\n?(.*?)```", re.DOTALL)
_LEAD = re.compile(
    r"(?:so,? |thus,? |therefore,? )?(?:the |my )?(?:final |correct )?answer(?: is\s*:?|\s*:)\s*"
    r"|(?:最终)?答案(?:是|为)?[::]?\s*",
    re.IGNORECASE,
)
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"


def find_file(data: Path, names: Sequence[str], what: str) -> Path:
    """The first of ``names`` (glob patterns) in ``data``, its ``data`` or its ``annotations``.

    Raises:
        InputError: none is there.
    """
    for folder in ("", "data", "annotations"):
        for name in names:
            for path in sorted((data / folder).glob(name)):
                if path.is_file():
                    return path
    raise InputError(f"--data {data}: not {what}: no {' or '.join(names)}")


def find_video(data: Path, name: str, folders: Sequence[str]) -> str:
    """The path of a video relative to ``data``; the first folder that has it, else the first folder."""
    for folder in folders:
        if (data / folder / name).is_file():
            return (Path(folder) / name).as_posix()
    return (Path(folders[0]) / name).as_posix()


def whole(name: str, value: Any, least: int = 1) -> int:
    """An option that is a whole number of at least ``least``.

    Raises:
        InputError: it is not.
    """
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise InputError(f"{name} is {value!r}, want a whole number of at least {least}")
    return number


def frame_plan(frames: Any, *, fps: Any = None, height: Any = None, times: Sequence[float] = ()) -> FramePlan:
    """``frames`` uniform frames, or ``fps`` a second thinned to ``frames``; 0 shows none (a blind model).

    Raises:
        InputError: a number out of range.
    """
    count = whole("frames", frames, 0)
    tall = None if height is None else whole("height", height)
    if count == 0:
        return FramePlan()
    if fps is None:
        return FramePlan(kind="uniform", count=count, height=tall, times=tuple(times))
    try:
        rate = float(fps)
    except (TypeError, ValueError) as error:
        raise InputError(f"fps is {fps!r}, want a number") from error
    return FramePlan(kind="fps", fps=rate, count=count, height=tall, times=tuple(times))


class Prompts:
    """Prompt templates by name; ``{{name}}`` is filled, other placeholders stay for the engine.

    The wording is ours. ``path`` names a JSON object of templates that replace ours, so that official wording is read
    from the user's copy; the prompt hash of a score tells them apart.
    """

    def __init__(self, ours: Mapping[str, str], path: str | Path | None = None) -> None:
        self.templates = dict(ours)
        self.wording = "lucida"
        if path is not None:
            path = Path(path).expanduser()
            theirs = read_json(path, dict, [])
            unknown = [name for name in theirs if name not in ours]
            wrong = [name for name, text in theirs.items() if not isinstance(text, str)]
            if unknown or wrong:
                bad = (unknown or wrong)[0]
                raise InputError(f"prompts {path}: {bad!r} is not one of {', '.join(ours)} with a text")
            self.templates |= theirs
            self.wording = path.name

    def fill(self, name: str, **values: Any) -> str:
        """The template called ``name`` with ``values`` in it. What is filled in is not searched for placeholders."""
        pattern = re.compile(r"\{\{(" + "|".join(map(re.escape, values)) + r")\}\}") if values else None
        text = self.templates[name]
        return pattern.sub(lambda match: str(values[match.group(1)]), text) if pattern else text


def mean(values: Iterable[float]) -> float:
    """The mean in per cent; 0 of nothing."""
    known = list(values)
    return 100 * sum(known) / len(known) if known else 0.0


def without_thoughts(text: str) -> str:
    """The reply after its reasoning, NFKC-normalised (full-width digits and colons are plain ones)."""
    return unicodedata.normalize("NFKC", _THINK.sub("", text)).strip()


def final_answer(text: str) -> str:
    """The short answer in a reply: after the reasoning, inside the answer tags or fence, without "the answer is"."""
    text = without_thoughts(text)
    if tagged := _ANSWER.findall(text):
        text = tagged[-1]
    if fenced := _FENCE.search(text):
        text = fenced.group(1)
    text = re.sub(r"[*_`]{1,3}(\S(?:.*?\S)?)[*_`]{1,3}", r"\1", text.strip())
    lead = _LEAD.match(text)
    if lead and lead.end() < len(text):
        text = text[lead.end() :]
    return text.strip().strip("\"'“”‘’「」").rstrip(".。!?").strip()


def spaced(text: str) -> str:
    """Spaces between digits and the letters of scripts without spaces: "3个人" as "3 个人"."""
    return re.sub(rf"(?<=\d)(?=[{_CJK}])|(?<=[{_CJK}])(?=\d)", " ", text)


def plain(text: str) -> str:
    """Letters and digits of any script in lower case, one space between words, no articles."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(word for word in words if word not in ("a", "an", "the"))
