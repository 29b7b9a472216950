"""V-STaR's two summary figures, and a check of published tables against them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

CHAINS = (1, 2)
ROUNDING, MISPRINT = 0.1, 0.25  # per cent: what rounded columns can explain; what no rounding can


def arithmetic_mean(accuracy: float, tiou: float, viou: float) -> float:
    """AM of a chain, all in 0..1."""
    return (accuracy + tiou + viou) / 3


def log_geometric_mean(accuracy: float, tiou: float, viou: float) -> float:
    """LGM of a chain: minus the mean of ln(1 - x). Not a share of anything: infinite as soon as one x is 1."""
    if max(accuracy, tiou, viou) >= 1:
        return math.inf
    return sum(-math.log1p(-value) for value in (accuracy, tiou, viou)) / 3


def summarise(columns: Mapping[str, float]) -> dict[str, float]:
    """AM and LGM of both chains and their means, in per cent, from corpus means in per cent."""
    found: dict[str, float] = {}
    for name, formula in (("AM", arithmetic_mean), ("LGM", log_geometric_mean)):
        for chain in CHAINS:
            values = (columns["accuracy"], columns[f"m_tiou_chain{chain}"], columns[f"m_viou_chain{chain}"])
            found[f"{name}_chain{chain}"] = 100 * formula(*(value / 100 for value in values))
        found[f"m{name}"] = sum(found[f"{name}_chain{chain}"] for chain in CHAINS) / len(CHAINS)
    return found


@dataclass(frozen=True, kw_only=True)
class Check:
    """One published row made again. ``verdict``: ``agrees``, ``near`` (off by little more than rounding) or
    ``misprint``; ``why`` says what would explain it."""

    model: str
    printed: Mapping[str, float]
    recomputed: Mapping[str, float]
    verdict: str
    why: str = ""


def published() -> dict[str, dict[str, float]]:
    """The published rows by model, columns by name, in per cent."""
    text = (
        resources.files("lucida.bench.protocols").joinpath("vstar_published.json").read_text(encoding="utf-8")
    )
    document = json.loads(text)
    return {
        model: dict(zip(document["columns"], row, strict=True)) for model, row in document["rows"].items()
    }


def check_table(rows: Mapping[str, Mapping[str, float]] | None = None) -> list[Check]:
    """Every row (the published ones by default) with mAM and mLGM recomputed from its other columns."""
    checks = []
    for model, row in (published() if rows is None else rows).items():
        made = summarise(row)
        off = max(abs(made[name] - row[name]) for name in ("mAM", "mLGM"))
        verdict = "agrees" if off <= ROUNDING else "near" if off <= MISPRINT else "misprint"
        checks.append(Check(
            model=model, printed={name: row[name] for name in ("mAM", "mLGM")}, verdict=verdict,
            recomputed={name: made[name] for name in ("mAM", "mLGM")},
            why=_why(row, made) if verdict == "misprint" else "",
        ))  # fmt: skip
    return checks


def _why(row: Mapping[str, float], made: Mapping[str, float]) -> str:
    if max(abs(made["mAM"] - row["mLGM"]), abs(made["mLGM"] - row["mAM"])) <= ROUNDING:
        return "mAM and mLGM are swapped"
    wrong = [name for name in ("mAM", "mLGM") if abs(made[name] - row[name]) > MISPRINT]
    if len(wrong) == 2:
        accuracy = row["accuracy"] + 3 * (row["mAM"] - made["mAM"])  # mAM is linear in it
        again = summarise({**row, "accuracy": accuracy})
        if abs(again["mLGM"] - row["mLGM"]) <= MISPRINT:
            return f"an accuracy of {accuracy:.1f} gives both printed figures"
    return " and ".join(f"{name} recomputes to {made[name]:.1f}" for name in wrong)
