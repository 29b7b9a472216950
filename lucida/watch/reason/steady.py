"""Where the camera stands still, which is where things can be followed, and what that does to an answer."""

from __future__ import annotations

from lucida.watch.reason.watching import Watched

UNFOLLOWED = 0.45  # most that "there is none" is worth where part of the film could not be followed


def moving_spans(watched: Watched) -> list[tuple[float, float]]:
    """When the camera moves, in order; chunks of one shot are one span."""
    found: list[tuple[float, float]] = []
    for seen in watched.shots:
        if not seen.shot.moving:
            continue
        t0, t1 = seen.shot.span
        if found and t0 <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], t1))
        else:
            found.append((t0, t1))
    return found


def steady_share(watched: Watched) -> float:
    """Share of the coarse frames that a still camera took; 1 without any."""
    closer = set(watched.closer)
    counts = [(seen.shot.moving, sum(t not in closer for t in seen.shot.times)) for seen in watched.shots]
    every = sum(count for _, count in counts)
    return sum(count for moving, count in counts if not moving) / every if every else 1.0


def doubt_of(watched: Watched) -> str:
    """What a moving camera leaves open, in words; "" where it stands still throughout."""
    spans = moving_spans(watched)
    if not spans:
        return ""
    when = ", ".join(f"{t0:.1f}-{t1:.1f} s" for t0, t1 in spans[:4]) + (" and more" if len(spans) > 4 else "")
    return f"the camera moves ({when}): nothing could be followed there"
