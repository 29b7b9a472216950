"""The time axis of a file: presentation timestamps in, seconds out, exactly and always the same way."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.stream import Stream

SAME_START = Fraction(2, av.time_base)  # FFmpeg rounds the container's start to a microsecond


@dataclass(frozen=True)
class Clock:
    """Turns a stream's timestamps into seconds since the container's start.

    ``seconds(pts) = pts · time_base − origin``, computed with integers and rounded once, so that a time read from a
    frame and given back selects that very frame.

    Attributes:
        time_base: seconds per tick of the stream.
        origin: the container's start in seconds (see ``container_start``).
    """

    time_base: Fraction
    origin: Fraction

    def seconds(self, pts: int) -> float:
        """Seconds of one timestamp."""
        base, origin = self.time_base, self.origin
        return (pts * base.numerator * origin.denominator - origin.numerator * base.denominator) / (
            base.denominator * origin.denominator
        )

    def span(self, ticks: int) -> float:
        """Seconds of a duration given in ticks."""
        return ticks * self.time_base.numerator / self.time_base.denominator


def clock_of(container: InputContainer, stream: Stream) -> Clock:
    """The clock of ``stream``; every stream of a file shares its origin, so sound and pictures stay together."""
    assert stream.time_base is not None
    return Clock(stream.time_base, container_start(container))


def container_start(container: InputContainer) -> Fraction:
    """The earliest timestamp of the container's streams, in seconds: 0 where the file does not say.

    FFmpeg rounds it to a microsecond; where a stream starts right there, its exact timestamp is taken instead, so
    that its first frame is at 0.0 and not a third of a microsecond before.
    """
    rounded = Fraction(container.start_time or 0, av.time_base)
    for stream in container.streams:
        if stream.start_time is not None and stream.time_base is not None:
            start = stream.start_time * stream.time_base
            if abs(start - rounded) < SAME_START:
                return start
    return rounded
