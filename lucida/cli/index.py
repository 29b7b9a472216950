"""``lucida index``: watch films once and keep what was found, so that questions need not decode them again."""

from __future__ import annotations

import json as json_module
import math
import sys
from pathlib import Path

from lucida.media.errors import InputError

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".ts", ".m4v", ".mpg", ".mpeg", ".ogv")


def index(
    *videos: str, fps: float = 3.0, model: str = "describe", again: bool = False, json: bool = False
) -> int:
    """Watch films once and keep what was found.

    ``lucida ask VIDEO QUESTION --index`` then answers without looking again.

    An index is named by the film's content and kept in the cache folder: a film that
    was renamed is found again, one that was changed is not. It grows with the film,
    by about 40 kB for each twenty seconds; delete it whenever you like.

    stdout has a line per film: its index, its length, what was followed.

    Args:
        videos: video files, or folders of them.
        fps: frames a second.
        model: the describer that names things.
        again: watch again what has an index already.
        json: print one JSON object per film and line.

    Examples:
        lucida index film.mp4
        lucida index holiday/ --fps 2
    """
    from lucida.cli.ask_parts import Words, how, say, watched_of
    from lucida.media.video import Video
    from lucida.watch.index import index_path
    from lucida.watch.reason.cast import cast_of, phrase

    if not (math.isfinite(fps) and 0.2 <= fps <= 30):
        raise InputError(f"--fps {fps}: want 0.2 to 30")
    paths = _films(videos)
    words, failed = Words(), 0
    for path in paths:
        try:
            where = index_path(path, how(fps, model))
            if again:
                where.unlink(missing_ok=True)
            with Video(path) as film:
                watched, cached = watched_of(path, film, fps, model, words, use_index=True, say=say)
        except InputError as error:
            if len(paths) == 1:
                raise
            failed += 1
            say(f"lucida: error: {error}")
            continue
        cast = cast_of(watched)
        names = list(dict.fromkeys(phrase(m, cast) for m in cast if m.noun))
        if json:
            row = {"video": path, "index": str(where), "seconds": watched.end, "frames": len(watched.times),
                   "shots": len(watched.shots), "things": names, "cached": cached}  # fmt: skip
            sys.stdout.write(json_module.dumps(row, ensure_ascii=False) + "\n")
        else:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing that moves"
            sys.stdout.write(
                f"{path}  {watched.end:.1f} s  {len(watched.shots)} shots  {shown}\n      {where}\n"
            )
        sys.stdout.flush()
    return 2 if failed else 0


def _films(videos: tuple[str, ...]) -> list[str]:
    """The files named, and those in the folders named, in order of name.

    Raises:
        InputError: nothing was named, or a folder holds no film.
    """
    if not videos:
        raise InputError("no video: lucida index FILM.mp4, or a folder of films")
    found = []
    for item in videos:
        path = Path(item)
        if path.is_dir():
            inside = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise InputError(f"{item}: no video files in this folder")
            found += inside
        else:
            found.append(item)
    return found
