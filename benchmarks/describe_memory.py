"""Memory and time of describing one picture, against its size and the number of regions.

    python -m benchmarks.describe_memory [--model describe] [--sides 192 768 3072] [--counts 1 4 16 64] [--rounds 3]

Every cell is measured in a process of its own: the peak of resident memory above what the loaded model takes (a library
loaded late counts), and the median seconds of looking (picture through the tower, read as context), of hints (what
the tower calls each region), and of describing all regions in one decode.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

from lucida.train.claims import Value, report


def peak() -> float:
    """Peak resident memory of this process so far, MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


def measure(model: str, side: int, count: int, rounds: int, precision: str) -> dict[str, float]:
    """One cell, in this process."""
    import lucida
    from lucida.media.image import Image
    from lucida.media.region import Region

    describer = lucida.load(model)
    describer.precision = precision
    _ = describer.quick
    loaded = peak()
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    image = Image(np.kron(coarse, np.ones((-(-side // 12),) * 2 + (1,), np.uint8))[:side, :side])
    grid = int(np.ceil(count**0.5))
    cells = [(i % grid, i // grid) for i in range(count)]
    boxes = [(x / grid, y / grid, (x + 1) / grid, (y + 1) / grid) for x, y in cells]
    regions = [Region.from_box(box, image.size) for box in boxes]
    times: dict[str, list[float]] = {"look": [], "hints": [], "answer": []}
    for _ in range(rounds):
        begin = time.perf_counter()
        look = describer.look(image)
        _ = look.context
        looked = time.perf_counter()
        requests = look.region_requests(regions, 0, True)
        hinted = time.perf_counter()
        describer.write([look.cells], [requests], context=lambda look=look: look.context)
        done = time.perf_counter()
        for name, seconds in (
            ("look", looked - begin),
            ("hints", hinted - looked),
            ("answer", done - hinted),
        ):
            times[name].append(seconds)
    found = {f"{name}_ms": 1e3 * statistics.median(values) for name, values in times.items()}
    return {**found, "extra_mb": peak() - loaded, "loaded_mb": loaded}


def main() -> None:
    """Measure every cell, print a table to stderr and the report to stdout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="describe")
    parser.add_argument("--sides", type=int, nargs="+", default=[192, 768, 3072])
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--one", type=int, nargs=2, metavar=("SIDE", "COUNT"), help="one cell, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.model, *options.one, options.rounds, options.precision)))
        return
    numbers: dict[str, Value] = {}
    for side in options.sides:
        for count in options.counts:
            command = [sys.executable, "-m", "benchmarks.describe_memory", "--model", options.model, "--one", str(side),
                       str(count), "--rounds", str(options.rounds), "--precision", options.precision]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cell = json.loads(done.stdout.splitlines()[-1])
            numbers |= {f"side{side}/N{count}/{name}": value for name, value in cell.items()}
            print(f"{side:5} px {count:3} regions  look {cell['look_ms']:7.1f} ms  hints {cell['hints_ms']:8.1f} ms  "
                  f"answer {cell['answer_ms']:7.1f} ms  extra {cell['extra_mb']:6.1f} MB over "
                  f"{cell['loaded_mb']:.0f} MB", file=sys.stderr)  # fmt: skip
    low = min(options.sides)
    few, many = min(options.counts), max(options.counts)
    numbers["extra_mb_per_region"] = (
        float(numbers[f"side{low}/N{many}/extra_mb"]) - float(numbers[f"side{low}/N{few}/extra_mb"])  # type: ignore[arg-type]
    ) / (many - few)
    print(json.dumps(report(numbers, {}), indent=1))


if __name__ == "__main__":
    main()
