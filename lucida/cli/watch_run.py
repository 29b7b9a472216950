"""One run of ``lucida watch``: parts put together, notices written as they come, an orderly end whatever happens."""

from __future__ import annotations

import json
import math
import re
import sys
import time
import warnings
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.results import default_folder
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

if TYPE_CHECKING:
    from lucida.watch.protocols import TextEncoder
    from lucida.watch.stream.engine import Engine
    from lucida.watch.stream.following import Following
    from lucida.watch.stream.intake import Intake
    from lucida.watch.stream.notices import Notice

CLIP_FPS = 8.0  # pictures per second on the tape, where clips are wanted
LEAST_MEMORY = 64 << 10  # bytes
FOLLOW_FPS = 12.0  # pictures per second, where things are followed
EVERY = 10.0  # seconds between two status lines where stderr is no terminal
UNITS = {
    "": 1,
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
}


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line asked for; the fields are its options."""

    source: str
    queries: tuple[str, ...]
    budget: str
    fps: float
    clips: Path | None
    pre: float
    post: float
    false_alarms: float
    memory: str
    subtitles: Path | None
    sound: bool
    live: bool | None
    zoom: bool
    model: str
    limit: float | None
    out: Path | None
    quiet: bool


def run(wishes: Wishes) -> int:
    """Watch until the source ends, ``limit`` is reached or Ctrl-C; returns the exit code, 2 if a file was lost."""
    budget = parse_bytes(wishes.budget)
    _check(wishes)
    from lucida.watch.stream.intake import Intake
    from lucida.watch.stream.notices import timeline
    from lucida.watch.stream.sources import open_source
    from lucida.watch.stream.subtitles import read_subtitles

    lines = read_subtitles(wishes.subtitles) if wishes.subtitles else []
    with closing(open_source(wishes.source, live=wishes.live)) as source:
        onsets = _onsets(wishes)
        engine = make_engine(wishes, budget)
        intake = Intake(source, intake_fps(wishes, engine))
        teller = Teller(wishes, engine, intake)
        code = 0
        try:
            for item in timeline(intake, lines, onsets):
                if wishes.limit is not None and getattr(item, "t", 0.0) >= wishes.limit:
                    break
                teller.tell(engine.step(item))
        except KeyboardInterrupt:
            code = 130
            teller.say("stopped")
        finally:
            intake.stop()
            with suppress(BrokenPipeError):
                teller.finish()
        for number, what in (
            (source.untimed, "had no timestamp"),
            (source.backward, "lay before the one before"),
        ):
            if number:
                teller.say(f"{number} frames {what} and were passed over")
        if source.gone:
            raise InputError(
                f"{wishes.source}: {source.gone} after {engine.status().t:.1f} s; what was told holds"
            )
    return 2 if teller.lost and not code else code


def make_engine(wishes: Wishes, budget: int) -> Engine:
    """The engine with its parts, their bytes within ``budget``, queries registered and doubts said."""
    from lucida.watch.memory import MEMORIES
    from lucida.watch.stream.engine import SMALL_STATE, Engine, EngineConfig
    from lucida.watch.stream.tape import Tape, TapeConfig

    config = EngineConfig(fps=wishes.fps, per_hour=wishes.false_alarms)
    fixed = len(wishes.queries) * (config.evidence + SMALL_STATE)
    taped = budget // 2 if wishes.clips else 0
    left = budget - fixed - taped
    if left < LEAST_MEMORY:
        least = fixed + LEAST_MEMORY
        least = 2 * least if wishes.clips else least
        raise InputError(
            f"--budget {wishes.budget} is too small: {len(wishes.queries)} queries"
            f"{' and clips' if wishes.clips else ''} need at least {math.ceil(least / 1024)}KiB"
        )
    if wishes.memory not in MEMORIES:
        raise InputError(f"--memory {wishes.memory}: want one of {', '.join(MEMORIES)}")
    detector = _detector(wishes, min(budget // 4, left - LEAST_MEMORY))
    left -= detector.config.most if detector is not None else 0
    tower, scorer = _eyes(wishes)
    tape = Tape(taped, TapeConfig(pre=wishes.pre, post=wishes.post)) if wishes.clips else None
    engine = Engine(tower, scorer, MEMORIES[wishes.memory](left, tower.dim), tape=tape,
                    detector=detector, config=config)  # fmt: skip
    for text in wishes.queries:
        query = engine.register(text)
        if query.doubt:
            warnings.warn(f"query {text!r}: {query.doubt}", stacklevel=2)
        if query.sound and not wishes.sound:
            raise InputError(f"query {text!r} asks for sounds: give --sound")
    return engine


def intake_fps(wishes: Wishes, engine: Engine) -> float:
    """Frames a second to take: what is looked at, and as many more as clips or following things need."""
    clips = CLIP_FPS if wishes.clips else 0.0
    following = FOLLOW_FPS if engine.detector is not None else 0.0
    return max(wishes.fps, clips, following)


def _detector(wishes: Wishes, room: int) -> Following | None:
    """What follows things in ``room`` bytes, if a query has a verb for it and the room is enough for it."""
    from lucida.watch.query import take_apart
    from lucida.watch.stream.registered import Registered

    verbs = {take_apart(text).verb for text in wishes.queries if not Registered.is_sound(text)}
    if verbs <= {None}:
        return None
    from lucida.watch.events.head import load_events
    from lucida.watch.stream.following import LEAST, FollowConfig, Following

    most = min(FollowConfig().most, room)
    if most < LEAST:
        warnings.warn(
            f"--budget {wishes.budget}: things are not followed, to tell what they do, below {4 * LEAST >> 20}MiB "
            "(more with many queries or clips)",
            stacklevel=2,
        )
        return None
    return Following(load_events(), FollowConfig(rate=FOLLOW_FPS, most=most))


class Teller:
    """Writes notices to stdout, frames and clips to disk, the status to stderr.

    A full disk ends the writing of files, not the watching: it is said once, lines go on without paths, and ``lost``
    makes the exit code 2.
    """

    def __init__(self, wishes: Wishes, engine: Engine, intake: Intake) -> None:
        self._wishes, self._engine, self._intake = wishes, engine, intake
        self._folder = self._made_folder()
        self._clips = wishes.clips
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()
        self._blind = ""
        self.lost = False  # whether a file that was wanted could not be written

    def tell(self, notices: Iterable[Notice]) -> None:
        """Write what there is, then clips that became complete, then the status if it is time."""
        for notice in notices:
            self._line(document(notice, self._frame_path(notice)))
        self._write_clips()
        self._say_blind()
        now = time.monotonic()
        if now - self._last >= (0.5 if self._terminal else EVERY):
            self._last = now
            self._status(end="\r" if self._terminal else "\n")

    def finish(self) -> None:
        """Ends of what goes on, the last clips, the last status."""
        self.tell(self._engine.finish())
        self._status(end="\n")
        if self._folder is not None and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def say(self, line: str) -> None:
        """A line on stderr."""
        sys.stderr.write(f"{chr(10) if self._terminal else ''}lucida: {line}\n")

    def _say_blind(self) -> None:
        """Once each time: what cannot be told for now, and that it can be again."""
        detector = self._engine.detector
        blind = "" if detector is None else detector.blind
        if blind == self._blind:
            return
        self._blind, when = blind, clock(self._engine.status().t)
        if blind:
            self.say(
                f"{when}: {blind}: what things do cannot be told; enters and leaves are read as seen and unseen"
            )
        else:
            self.say(f"{when}: the picture stands still again")

    def _line(self, data: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()

    def _frame_path(self, notice: Notice) -> Path | None:
        if notice.shown is None or self._folder is None:
            return None
        path = self._folder / f"event-{notice.number:04d}.jpg"
        try:
            atomic_write(path, notice.shown.jpeg)
        except InputError as error:
            self.say(f"warning: {error}; no more evidence frames are written")
            self._folder, self.lost = None, True
            return None
        return path

    def _write_clips(self) -> None:
        from lucida.watch.stream.tape import write_cut

        cuts, self._engine.cuts = self._engine.cuts, []
        folder = self._clips
        for cut in cuts if folder is not None else ():
            assert folder is not None
            path = folder / f"event-{cut.number:04d}.mp4"
            try:
                write_cut(cut, path, max(self._wishes.fps, CLIP_FPS))
            except InputError as error:
                self.say(f"warning: {error}; no more clips are written")
                self._clips, self.lost = None, True
                return
            span = [round(cut.shots[0].t, 3), round(cut.shots[-1].t, 3)]
            self._line({"schema": "lucida/1", "type": "clip", "event": cut.number, "span": span, "path": str(path)}
                       | ({"short": "the budget left no room for all of it"} if cut.short else {}))  # fmt: skip

    def _status(self, end: str) -> None:
        status = self._engine.status()
        text = (
            f"{clock(status.t)}  {self._intake.received} frames, {status.looked} looked at, "
            f"{self._intake.dropped} dropped, "
            f"{status.bytes / (1 << 20):.2f} of {self._wishes.budget}, {status.events} events"
        )
        sys.stderr.write(f"lucida: {text}{end}")
        sys.stderr.flush()

    def _made_folder(self) -> Path | None:
        if self._wishes.out is None and self._wishes.quiet:
            return None
        if self._wishes.out is not None:
            try:
                self._wishes.out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"--out {self._wishes.out}: {error.strerror or error}") from error
            return self._wishes.out
        return default_folder("watch")


def document(notice: Notice, path: Path | None) -> dict[str, Any]:
    """A notice as JSON data; what there is nothing to say about is left out."""
    data: dict[str, Any] = {
        "schema": "lucida/1", "type": notice.kind, "event": notice.number, "query": notice.query,
        "t": round(notice.t, 3), "span": [round(notice.t0, 3), round(notice.t1, 3)],
    }  # fmt: skip
    if notice.kind == "event":
        data |= {"score": round(notice.score, 2), "source": notice.source}
    if notice.shown is not None:
        frame: dict[str, Any] = {"t": round(notice.shown.t, 3)}
        frame |= {"index": notice.shown.index} if notice.shown.index >= 0 else {}
        frame |= (
            {"box": [round(float(v), 4) for v in notice.shown.box]} if notice.shown.box is not None else {}
        )
        data["frame"] = frame | ({"path": str(path)} if path is not None else {})
    if notice.colour is not None and notice.kind == "event":
        data["colour"] = {notice.colour[0]: round(notice.colour[1], 3)}
    if notice.text:
        data["text"] = notice.text
    if notice.doubt and notice.kind == "event":
        data["doubt"] = notice.doubt
    return data


def parse_bytes(text: str) -> int:
    """Bytes of "8MiB", "500 KB" or "1048576".

    Raises:
        InputError: not a number of bytes.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text, flags=re.IGNORECASE)
    unit = UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise InputError(f"--budget {text!r}: want bytes such as 500KiB, 8MiB or 1GiB")
    return int(float(match[1]) * unit)


def clock(t: float) -> str:
    """1:02:03.4"""
    minutes, seconds = divmod(t, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{seconds:04.1f}"


def _check(wishes: Wishes) -> None:
    if not wishes.queries:
        raise InputError('nothing to listen for: give --query "a dog"')
    if len(set(wishes.queries)) < len(wishes.queries):
        raise InputError("--query: the same query twice")
    if wishes.limit is not None and not wishes.limit > 0:
        raise InputError(f"--limit {wishes.limit:g}: want seconds above 0")
    if wishes.clips is not None and wishes.clips.exists() and not wishes.clips.is_dir():
        raise InputError(f"--save-clips {wishes.clips}: is not a folder")


def _eyes(wishes: Wishes) -> tuple[Any, Any]:
    """The tower and what scores text against it."""
    if wishes.model != "tower":
        from lucida.watch.clip_view import ClipView

        view = ClipView(wishes.model)
        return view, view
    from lucida.watch.bridge import Bridge
    from lucida.watch.tower_view import TowerView, ViewConfig

    return TowerView(config=ViewConfig(zoom=wishes.zoom)), Bridge(_encoder())


def _encoder() -> TextEncoder | None:
    from lucida.bench.sentence import sentence_folder
    from lucida.bench.sentence_cache import Sentences

    if sentence_folder() is None:
        warnings.warn(
            "queries are matched to class names by their words; for near words too: pip install 'camera-lucida[text]'",
            stacklevel=2,
        )
        return None
    return Sentences()


def _onsets(wishes: Wishes) -> Iterable[Any]:
    if not wishes.sound:
        return ()
    from lucida.media.video import audio
    from lucida.watch.stream.onsets import onsets

    if not Path(wishes.source).is_file():
        raise InputError(
            f"--sound: {wishes.source} is not a file; the sound of live sources is not listened to"
        )
    heard = audio(wishes.source)
    return onsets(heard.samples, heard.rate, heard.t0)
