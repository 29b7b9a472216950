"""``lucida watch``: listen to a stream for queries and say when they come true, as they do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Several = Parameter(negative=())


def _no_option(_type: object, value: str) -> None:
    """``-`` is standard input; any other word with a hyphen is a slip of the pen."""
    if value.startswith("-") and value != "-":
        raise ValueError(f'Unknown option: "{value}"')


def watch(
    source: Annotated[str, Parameter(allow_leading_hyphen=True, validator=_no_option)],
    *,
    query: Annotated[list[str] | None, Several] = None,
    budget: str = "8MiB",
    fps: float = 2.0,
    save_clips: Path | None = None,
    pre: float = 3.0,
    post: float = 3.0,
    false_alarms: float = 1.0,
    memory: str = "three-tier",
    subtitles: Path | None = None,
    sound: bool = False,
    live: bool | None = None,
    zoom: bool = False,
    model: str = "tower",
    limit: float | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Watch a video or a live stream for what you name.

    stdout has one JSON line per event as it happens: when it is told (t), the
    span known so far, the score, the query, the frame that shows it. A line of
    type "end" follows when it is over, one of type "clip" when its clip is
    written. stderr has a status line: stream time, frames, dropped, bytes, events.

    Names come from ImageNet's 1,000 classes and words near them (a dog, a sports
    car, a kitten); colours are measured. There is no class for people, faces,
    sky or trees. A query may say what the thing does: enters, leaves, jumps,
    approaches, stops, changes colour. Things are then followed at 12 frames a
    second before a still camera, and an event is told about a second after it is
    over. While the camera moves that cannot be told: enters and leaves are read
    as first seen and no longer seen, with a doubt. Of any other verb the query
    says that nothing checks it.

    Everything kept, clips in the making included, stays under --budget. A file
    waits for us; a camera does not, and frames it drops are counted.

    Args:
        source: a file, - for stdin, an address, /dev/video0, or FORMAT:NAME with FFmpeg's names.
        query: what to listen for; may be given several times. "a sound" needs --sound.
        budget: most bytes to keep, such as 500KiB or 8MiB.
        fps: frames per second to look at.
        save_clips: write a clip around each event into this folder.
        pre: seconds of a clip before the event.
        post: seconds of a clip after it.
        false_alarms: per hour and query, by construction of the trigger.
        memory: how to remember the stream (three-tier, recency, reservoir, ...).
        subtitles: an SRT or VTT file on the same clock; its lines are searched too.
        sound: listen for onsets in the sound of a file.
        live: treat the source as one that does not wait (drop frames when slow), or with --no-live as one that does.
        zoom: look closer, for small things, at about four times the cost.
        model: tower, or the hub id of a CLIP or SigLIP model (extra hf).
        limit: stop after so many seconds of stream.
        out: the folder for evidence frames; default: a new one under runs/watch.
        json: write nothing without --out and --save-clips; lines then have no evidence frame.

    Examples:
        lucida watch street.mp4 --query "a dog" --query "a red car enters"
        lucida watch rtsp://camera/stream --query "a dog" --save-clips clips --budget 16MiB
        ffmpeg -i in.mkv -f mpegts - | lucida watch - --query "a boat"
        lucida watch talk.mp4 --query "a dog" --subtitles talk.srt --json
    """
    from lucida.cli.watch_run import Wishes, run

    wishes = Wishes(
        source=source, queries=tuple(query or ()), budget=budget, fps=fps, clips=save_clips, pre=pre, post=post,
        false_alarms=false_alarms, memory=memory, subtitles=subtitles, sound=sound, live=live, zoom=zoom,
        model=model, limit=limit, out=out, quiet=json,
    )  # fmt: skip
    return run(wishes)
