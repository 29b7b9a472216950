"""Scenes per second on one core, masks and records included: median, best and worst of several runs.

python benchmarks/world.py [--scenes 300] [--runs 5] [--size 192] [--cutouts DIR]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported

from lucida.train.claims import measured, report  # noqa: E402
from lucida.world.atlas import load_atlas  # noqa: E402
from lucida.world.scene import draw_scene  # noqa: E402


def main() -> None:
    """Print one line per run and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=300, help="scenes per run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, default=192, help="height and width in pixels")
    parser.add_argument("--cutouts", type=Path, default=None, help="a folder of RGBA cut-outs")
    options = parser.parse_args()
    start = time.perf_counter()
    atlas = load_atlas(options.cutouts)
    print(f"atlas: {len(atlas.nouns)} nouns, loaded in {time.perf_counter() - start:.2f} s")
    size = (options.size, options.size)
    for seed in range(50):  # fills the memory map and the caches
        draw_scene(seed, size=size, atlas=atlas)
    rates = []
    for run in range(options.runs):
        start = time.process_time()  # of this process alone: other work on the machine does not count
        for seed in range(options.scenes):
            draw_scene(run * options.scenes + seed, size=size, atlas=atlas)
        rates.append(options.scenes / (time.process_time() - start))
        print(f"run {run + 1}: {rates[-1]:.0f} scenes/s")
    print(
        f"median {statistics.median(rates):.0f} scenes/s/core ({min(rates):.0f} to {max(rates):.0f}), {size[0]} px"
    )
    report({"scenes_per_second_per_core": measured(rates)})


if __name__ == "__main__":
    main()
