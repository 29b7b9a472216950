"""Whether wider latents draw better or worse, with alignment along the path and without (RecTok's main claim).

    python -m benchmarks.rectok_widths [--widths 4 16 64] [--arms plain rad] [--minutes 60] [the options of rectok]

The runs are those of benchmarks.rectok at each width, in the same folder, so what one study has trained the other does
not train again. Distances are in pictures, not in latents, and so may be compared across widths.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

from benchmarks.drawing import second_tower
from benchmarks.rectok import Judges, Study, parser_of
from lucida.models.dense_judge import load_judge
from lucida.train.claims import Value, measured, report

KEYS = ("drawn/frechet", "drawn/frechet_tower", "drawn/object", "psnr", "normalised/object_noun/mean")


def main() -> None:
    """Run what is missing, seeds first, then widths; print a row per arm and width, and report."""
    parser = parser_of(__doc__, ["plain", "rad"])
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 16, 64])
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    studies = {
        width: Study(argparse.Namespace(**{**vars(options), "channels": width})) for width in options.widths
    }
    if not options.report_only:
        judges = Judges(world=load_judge(options.judge), tower=second_tower(options.tower))
        for study in studies.values():
            study.run(until, judges)
    means: dict[tuple[str, int, str], float] = {}
    numbers: dict[str, Value] = {}
    for width, study in studies.items():
        for arm, seeds in study.found().items():
            for key in KEYS:
                if values := [run[key] for run in seeds.values() if key in run]:
                    number = measured(values)
                    numbers[f"{arm}/c{width}/{key}"], means[arm, width, key] = number, number.value
                    print(f"{arm:>14} {width:3d} channels  {key:<28} {number.value:.4f} ± {number.spread or 0:.4f} "
                          f"({number.n} seeds)")  # fmt: skip
    passed: dict[str, bool] = {}
    for arm in options.arms:
        for key in KEYS:
            curve = [means.get((arm, width, key)) for width in sorted(options.widths)]
            known = [value for value in curve if value is not None]
            if len(known) == len(curve) > 1:
                passed[f"{arm}/{key}_falls_with_width"] = all(b < a for a, b in pairwise(known))
                passed[f"{arm}/{key}_rises_with_width"] = all(b > a for a, b in pairwise(known))
    for name, held in passed.items():
        print(f"{name:<58} {'yes' if held else 'no'}")
    missing = [f"{a} c{w} seed {s} {p}" for w, study in studies.items() for a, s, p in study.missing()]
    print(f"\nnot yet run: {', '.join(missing) or 'nothing'}")
    report(numbers, passed, f"not yet run: {', '.join(missing)}" if missing else "")


if __name__ == "__main__":
    main()
