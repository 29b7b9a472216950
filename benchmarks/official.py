"""Published digits, made again from the officially released predictions and verdicts.

python benchmarks/official.py [--official DIR]

DIR holds the official files (default: $LUCIDA_OFFICIAL, or ../shared/official beside the checkout). No model runs.
Multiple choice is compared by counts: the release prints 66/101 as 65.4, which is 65.3.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lucida.bench.protocol import Protocol, load_protocol
from lucida.bench.protocols.gar_items import GARBench
from lucida.bench.protocols.masks import MaskBench
from lucida.train.claims import report

ROOT = Path(__file__).resolve().parents[1]
VQA = {
    "gar_8b": {
        "texture/pattern": (22, 29), "material": (19, 36), "mirror": (36, 61), "relation": (66, 101),
        "shape": (34, 64), "ordering": (28, 64), "color": (40, 69), "accuracy": (245, 424),
    },
    "gar_1b": {
        "texture/pattern": (17, 29), "material": (14, 36), "mirror": (36, 61), "relation": (57, 101),
        "shape": (32, 64), "ordering": (13, 64), "color": (34, 69), "accuracy": (203, 424),
    },
}  # fmt: skip
CAPTIONS = {
    ("simple", "gar_8b"): 63.9, ("simple", "gar_1b"): 55.7, ("detailed", "gar_8b"): 69.2, ("detailed", "gar_1b"): 66.4,
}  # fmt: skip
OVO = {  # of the released Flash-VStream files: right answers by task, as the released script counts them
    "EPM": (116, 297), "ASI": (55, 148), "HLD": (11, 186), "OCR": (36, 149), "ACR": (32, 109), "ATR": (33, 116),
    "STU": (60, 178), "FPD": (26, 101), "OJR": (53, 184), "REC": (56, 698), "SSR": (423, 629), "CRR": (144, 240),
}  # fmt: skip
DLC = {"positive": 50.2, "negative": 84.6, "mean": 67.4}


@dataclass(frozen=True)
class Check:
    """One published figure beside ours, both per cent; ``right`` of ``n`` where it is a count."""

    name: str
    published: float
    ours: float
    right: int | None = None
    n: int | None = None

    @property
    def same(self) -> bool:
        """Equal counts, or equal to the published digit."""
        if self.right is not None and self.n is not None:
            return round(self.ours * self.n / 100, 6) == self.right
        return round(self.ours, 1) == self.published


def vqa(base: Path) -> Iterator[Check]:
    """GAR-Bench-VQA: counts per type, strict and as released (they agree: every reply is a bare letter)."""
    folder = base / "gar-bench"
    bench = load_protocol("gar-vqa", folder)
    for model, types in VQA.items():
        replies, _ = bench.read_predictions(folder / "model_outputs" / f"{model}_vqa.json")
        for way in ("strict", "compat"):
            summary = bench.score(replies, compat=way == "compat").summary
            for kind, (right, n) in types.items():
                yield Check(
                    f"GAR-Bench-VQA {model} {kind} ({way})",
                    round(100 * right / n, 1),
                    summary[kind],
                    right,
                    n,
                )


def judged(
    bench: Protocol, predictions: Path, verdicts: Path, name: str, published: dict[str, float]
) -> Iterator[Check]:
    """Figures that rest on released verdicts."""
    assert isinstance(bench, MaskBench | GARBench)
    replies, _ = bench.read_predictions(predictions)
    for way in ("mended", "compat"):
        score = bench.score(replies, compat=way == "compat", judge=bench.read_verdicts(verdicts))
        assert score.judged is not None
        for figure, value in published.items():
            yield Check(f"{name} {figure} ({way})", value, score.judged[figure])


def ovo(base: Path) -> Iterator[Check]:
    """OVO-Bench on the released Flash-VStream predictions, with strict letters and as released (here they agree)."""
    bench = load_protocol("ovo", base / "ovo-bench")
    replies, _ = bench.read_predictions(base / "ovo-bench" / "results")
    for way in ("strict", "compat"):
        summary = bench.score(replies, compat=way == "compat").summary
        for task, (right, n) in OVO.items():
            name = f"OVO-Bench FlashVStream {task} ({way})"
            yield Check(name, round(100 * right / n, 1), summary[task], right, n)


def checks(base: Path) -> Iterator[Check]:
    """Everything this script reproduces."""
    yield from vqa(base)
    yield from ovo(base)
    outputs = base / "gar-bench" / "model_outputs"
    for (part, model), value in CAPTIONS.items():
        bench = load_protocol(f"gar-caption-{part}", base / "gar-bench")
        files = outputs / f"{model}_{part}.json", outputs / f"{model}_{part}_eval.json"
        yield from judged(bench, *files, f"GAR-Bench-Cap {part} {model}", {"accuracy": value})
    outputs = base / "dlc-bench" / "model_outputs"
    bench = load_protocol("dlc", base / "dlc-bench")
    yield from judged(bench, outputs / "gar_8b.json", outputs / "gar_8b_eval.json", "DLC-Bench gar_8b", DLC)


def main() -> None:
    """Print every figure and report them; exits 1 when one differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("LUCIDA_OFFICIAL") or ROOT.parent / "shared" / "official"
    parser.add_argument("--official", type=Path, default=Path(default))
    base = parser.parse_args().official
    if not base.is_dir():
        sys.exit(f"{base}: the official files are not here; give --official DIR")
    found = list(checks(base))
    for check in found:
        count = f"  {check.right}/{check.n}" if check.n else ""
        print(
            f"{'same' if check.same else 'DIFFERS':8}{check.name:58}{check.published:6.1f}{check.ours:10.4f}{count}"
        )
    para = load_protocol("paradlc", base / "paradlc-bench")
    assert isinstance(para, MaskBench)
    ceiling = para.score({}, compat=True).ceilings["positive"]
    print(f"ParaDLC-Bench: a perfect model's positive figure under the released scorer: {ceiling:.1f}")
    groups = {
        "gar_vqa": "GAR-Bench-VQA", "gar_captions": "GAR-Bench-Cap", "dlc": "DLC-Bench", "ovo": "OVO-Bench",
    }  # fmt: skip
    passed = {
        f"{group}_digits": all(check.same for check in found if check.name.startswith(title))
        for group, title in groups.items()
    }
    numbers = {
        "figures": len(found), "figures_same": sum(check.same for check in found),
        "paradlc_masks": len(para.items), "paradlc_questions": sum(len(item.questions) for item in para.items),
        "paradlc_released_positive_ceiling": round(ceiling, 2),
    }  # fmt: skip
    report(numbers, passed, notes="Released predictions and verdicts; the scorers ran without any model.")
    sys.exit(not all(passed.values()))


if __name__ == "__main__":
    main()
