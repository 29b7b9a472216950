"""The decode planner against decoding everything in order and against a seek for every frame.

    python benchmarks/decode.py [--frames 1000] [--size 240 320] [--rounds 3]

Four files (MP4 and MPEG-TS, a keyframe every 250 and every 25 pictures), four ways to ask: sparse, uniform, dense and
clustered. All arms open the file, turn frames into RGB in the same way and use the same threads; ours also reads the
packet index each time. They take turns within each round. Numbers are work done by the other arm over work done by
ours (above one: ours did less), in packets given to the decoder and in seconds. Ours and the sequential arm have to
return the same pictures; how many the naive seek gets wrong is counted (in a transport stream it lands too late).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from lucida.media.video import Segment, Video, write_video
from lucida.media.video.opening import Source, picture_stream, set_threads
from lucida.media.video.pixels import Developer, Orientation
from lucida.media.video.reader import Reader, Work
from lucida.train.claims import measured, report

FPS = 25
Result = tuple[list[np.ndarray], int]  # the pictures in the order asked, packets decoded
Arm = Callable[[Path, Sequence[float]], Result]


def scenery(count: int, size: tuple[int, int]) -> Iterator[tuple[float, np.ndarray]]:
    """Soft noise drifting sideways, other noise every few seconds: enough for the encoder to do."""
    h, w = size
    rng = np.random.default_rng(0)
    for k in range(count):
        if k % 200 == 0:
            coarse = rng.integers(0, 256, (h // 8 + 1, w // 4 + 1, 3), dtype=np.uint8)
            wide = coarse.repeat(8, axis=0).repeat(8, axis=1)[:h]
        start = (3 * k) % (wide.shape[1] - w)
        yield k / FPS, wide[:, start : start + w]


def requests(times: np.ndarray) -> dict[str, list[float]]:
    """Four ways to ask, each shuffled."""
    rng = np.random.default_rng(1)
    count = len(times)
    spots = np.linspace(0.1, 0.9, 4) * count
    wanted = {
        "sparse": np.linspace(0, count - 1, 8),
        "uniform": np.linspace(0, count - 1, 64),
        "dense": np.arange(count // 2, count // 2 + 60),
        "clustered": np.concatenate([spot + 2 * np.arange(16) for spot in spots]),
    }
    return {name: times[rng.permutation(picks.astype(int))].tolist() for name, picks in wanted.items()}


def planned(path: Path, times: Sequence[float]) -> Result:
    """Ours."""
    with Video(path) as video:
        pictures = [frame.pixels for frame in video.at(times)]
        return pictures, video.work.sent


def opened(path: Path) -> tuple[av.container.InputContainer, VideoStream, float]:
    """Container, stream, and the seconds at which it starts."""
    source = Source(path)
    container = source.open()
    stream = picture_stream(container, source.name)
    set_threads(stream, frames=True)
    return container, stream, (container.start_time or 0) / av.time_base


def sequential(path: Path, times: Sequence[float]) -> Result:
    """Decode from the first picture to the last one wanted."""
    container, stream, start = opened(path)
    order = sorted(range(len(times)), key=lambda k: times[k])
    pictures: dict[int, np.ndarray] = {}
    develop, packets, before, done = Developer(Orientation()), 0, None, 0
    with container:
        for packet in container.demux(stream):
            packets += packet.size > 0
            for frame in packet.decode():
                while (
                    done < len(order)
                    and before is not None
                    and frame.time - start > times[order[done]] + 1e-6
                ):
                    pictures[order[done]] = develop(before)
                    done += 1
                before = frame
            if done == len(order):
                break
        pictures |= {k: develop(before) for k in order[done:] if before is not None}
    return [pictures[k] for k in range(len(times))], packets


def seeking(path: Path, times: Sequence[float]) -> Result:
    """For each time in the order asked: seek to the keyframe before it, decode up to it."""
    container, stream, start = opened(path)
    develop, pictures, packets = Developer(Orientation()), [], 0
    with container:
        for t in times:
            container.seek(round((t + start) / float(stream.time_base or 1)), stream=stream)
            before, found = None, False
            for packet in container.demux(stream):
                packets += packet.size > 0
                for frame in packet.decode():
                    if before is not None and frame.time - start > t + 1e-6:
                        found = True
                        break
                    before = frame
                if found:
                    break
            pictures.append(
                develop(before) if before is not None else np.zeros(0, np.uint8)
            )  # landed too late
    return pictures, packets


def seek_cost(path: Path, rounds: int) -> float:
    """What a seek costs in decoded pictures: every keyframe by its own seek, against as many pictures in a row."""
    with Video(path) as video:
        index = video.index
    reader = Reader(Source(path), index, Developer(Orientation()), Work())
    keys = [key.number for key in index.keys][1:-1]
    costs = []
    for _ in range(rounds):
        start = time.perf_counter()
        reader.run([Segment(start=key, wanted=(key,)) for key in keys])
        middle = time.perf_counter()
        reader.run([Segment(start=keys[0], wanted=tuple(range(keys[0], keys[0] + len(keys))))])
        end = time.perf_counter()
        costs.append(((middle - start) - (end - middle)) / (end - middle))
    reader.close()
    return float(np.median(costs))


ARMS: dict[str, Arm] = {"planned": planned, "sequential": sequential, "seeking": seeking}


def measure(
    path: Path, times: Sequence[float], rounds: int
) -> tuple[dict[str, int], dict[str, list[float]], dict[str, int]]:
    """Packets and seconds of each arm, and how many pictures differ from those of decoding in order."""
    packets: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    wrong = dict.fromkeys(ARMS, 0)
    for turn in range(rounds + 1):  # the first round warms the caches
        results: dict[str, list[np.ndarray]] = {}
        for name, arm in ARMS.items():
            start = time.perf_counter()
            results[name], packets[name] = arm(path, times)
            if turn:
                seconds[name].append(time.perf_counter() - start)
        for name, pictures in results.items():
            pairs = zip(results["sequential"], pictures, strict=True)
            wrong[name] = sum(not np.array_equal(a, b) for a, b in pairs)
    return packets, seconds, wrong


def main() -> None:
    """Measure, print a table to stderr and the report to stdout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--size", type=int, nargs=2, default=(240, 320), metavar=("H", "W"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    numbers, passed = {}, {}
    with tempfile.TemporaryDirectory(prefix="lucida-decode-") as folder:
        for gop in (250, 25):
            for suffix in ("mp4", "ts"):
                name = f"gop{gop}_{suffix}"
                path = write_video(
                    Path(folder) / f"{name}.{suffix}", scenery(options.frames, tuple(options.size)),
                    gop=gop, crf=23, threads=0, codec_options={"preset": "veryfast"},
                )  # fmt: skip
                numbers[f"{name}_seek_costs_pictures"] = seek_cost(path, options.rounds)
                for kind, times in requests(Video(path).times()).items():
                    packets, seconds, wrong = measure(path, times, options.rounds)
                    line = f"{name:12} {kind:10} {packets['planned']:5} packets"
                    for other in ("sequential", "seeking"):
                        ratios = [a / b for a, b in zip(seconds[other], seconds["planned"], strict=True)]
                        work = packets[other] / packets["planned"]
                        numbers[f"{name}_{kind}_{other}_over_planned_packets"] = work
                        numbers[f"{name}_{kind}_{other}_over_planned_seconds"] = measured(ratios)
                        line += f"  {other} {work:6.2f} x packets {np.median(ratios):6.2f} x seconds"
                    numbers[f"{name}_{kind}_seeking_wrong_pictures"] = wrong["seeking"]
                    passed[f"{name}_{kind}_same_pictures"] = wrong["planned"] == 0
                    print(f"{line}  wrong {wrong}", file=sys.stderr)
    print(json.dumps(report(numbers, passed), indent=2))
    sys.exit(0 if all(passed.values()) else 1)


if __name__ == "__main__":
    main()
