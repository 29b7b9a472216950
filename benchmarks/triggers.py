"""Three rules for when to speak, at equal false-alarm rates: precision, recall, delay, false alarms per hour.

    python benchmarks/triggers.py [--hours 4]

Made streams of scores at 2 per second with events whose spans are known: a score shifts by 1 to 3 standard
deviations for 3 to 12 seconds. Four kinds of noise: independent normal, correlated from frame to frame
(0.7), heavy-tailed (Student's t with 4 degrees of freedom), and skewed (exponential). Every rule sits behind the
same running baseline and the same hysteresis, and its threshold is set on thirty other hours without events so that
it alarms 1, 4 or 16 times an hour there; the rates on the streams with events are then measured, not assumed. The
threshold and MMDuet's rule are run on scores that are cut to their rank, as the CUSUM's are, and on scores that are
not, and the better of the two is reported. ``stated`` is the CUSUM at the threshold that theory gives for the rate,
with nothing fitted: how far its stated rate can be trusted is the last part of the report.

An alarm inside an event or up to one second after it finds it; the first one counts, and its delay; alarms elsewhere
are false. Precision counts found events against false alarms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lucida.train.claims import Value, measured, report
from lucida.watch.protocols import Trigger
from lucida.watch.stream.baseline import Baseline, BaselineConfig
from lucida.watch.stream.listener import Listener
from lucida.watch.stream.triggers import Cusum, RunningSum, Threshold

FPS, HOUR = 2.0, 3600.0
RATES = (1.0, 4.0, 16.0)  # false alarms per hour
MATCH_HOURS, NULL_HOURS = 30, 10  # without events: to set thresholds on, and to test the stated rate on
SEEDS = (0, 1, 2)
NOISES = ("normal", "correlated", "heavy", "skewed")
RANKED = {
    "threshold": (True, False),
    "mmduet": (True, False),
    "cusum": (True,),
}  # scores that a rule is tried on
LATE = 1.0  # seconds
Rule = Callable[[float], Trigger]
RULES: dict[str, tuple[Rule, float, float]] = {  # how to make it, and between which thresholds to look
    "threshold": (Threshold, 0.5, 30.0),
    "mmduet": (lambda level: RunningSum(level, middle=3.0), 0.05, 2000.0),
    "cusum": (lambda h: Cusum(h, k=1.0), 0.05, 60.0),
}


@dataclass(frozen=True)
class Scored:
    """What a rule did on a stream."""

    events: int
    found: int
    false: int
    delays: tuple[float, ...]
    hours: float


def noise(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) of unit variance."""
    if kind == "heavy":
        return rng.standard_t(4, count) / np.sqrt(2)
    if kind == "skewed":
        return rng.exponential(size=count) - 1
    values = rng.normal(size=count)
    if kind == "correlated":
        rho, last = 0.7, 0.0
        for i in range(count):
            last = rho * last + np.sqrt(1 - rho**2) * values[i]
            values[i] = last
    return values


def stream(kind: str, hours: float, seed: int) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Scores and the spans of events, about one every 90 seconds."""
    rng = np.random.default_rng((seed, NOISES.index(kind)))
    scores = noise(kind, round(hours * HOUR * FPS), rng)
    spans, t = [], 60.0
    while True:
        t += float(rng.uniform(30, 150))
        length = float(rng.uniform(3, 12))
        if t + length > hours * HOUR - 10:
            return scores, spans
        a, b = round(t * FPS), round((t + length) * FPS)
        scores[a:b] += rng.uniform(1.0, 3.0)
        spans.append((a / FPS, b / FPS))
        t += length


def alarms(trigger: Trigger, scores: np.ndarray, ranked: bool = True) -> list[float]:
    """Times of the alarms behind the running baseline and the hysteresis."""
    listener = Listener(trigger, BaselineConfig(ranked=ranked))
    found = []
    for i, score in enumerate(scores.tolist()):
        change = listener.step(i / FPS, score)
        if change is not None and change.begins:
            found.append(i / FPS)
    return found


def standardised(scores: np.ndarray, ranked: bool = True) -> list[float]:
    """A null stream as the running baseline gives it to the triggers."""
    baseline, out = Baseline(BaselineConfig(ranked=ranked)), []
    for score in scores.tolist():
        out.append(baseline.standard(score))
        baseline.learn(score)
    return out


def matched(make: Rule, low: float, high: float, null: list[float], wanted: int) -> float:
    """The threshold with ``wanted`` alarms on standardised null scores, by bisection on a log scale."""
    for _ in range(14):
        middle = float(np.sqrt(low * high))
        trigger = make(middle)
        count = sum(trigger.step(i / FPS, z) is not None for i, z in enumerate(null))
        low, high = (middle, high) if count > wanted else (low, middle)
    return high


def score(times: list[float], spans: list[tuple[float, float]], hours: float) -> Scored:
    """Judge alarm times against the truth."""
    first: dict[int, float] = {}
    false = 0
    for t in times:
        inside = next((i for i, (a, b) in enumerate(spans) if a <= t <= b + LATE), None)
        if inside is None:
            false += 1
        else:
            first.setdefault(inside, t - spans[inside][0])
    return Scored(len(spans), len(first), false, tuple(first.values()), hours)


def numbers(prefix: str, runs: list[Scored]) -> dict[str, Value]:
    """Means and spreads over seeds."""
    return {
        f"{prefix}/recall": measured([r.found / r.events for r in runs]),
        f"{prefix}/precision": measured([r.found / max(r.found + r.false, 1) for r in runs]),
        f"{prefix}/delay": measured([float(np.mean(r.delays)) if r.delays else 0.0 for r in runs]),
        f"{prefix}/false_per_hour": measured([r.false / r.hours for r in runs]),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=4.0, help="of each stream with events")
    hours = parser.parse_args().hours
    found: dict[str, Value] = {}
    passed: dict[str, bool] = {}
    for kind in NOISES:
        rng = np.random.default_rng((99, NOISES.index(kind)))
        plain = noise(kind, round(MATCH_HOURS * HOUR * FPS), rng)
        null = {ranked: standardised(plain, ranked) for ranked in (True, False)}
        streams = [stream(kind, hours, seed) for seed in SEEDS]
        for rate in RATES:
            recalls = {}
            for name, (make, low, high) in RULES.items():
                for ranked in RANKED[name]:
                    level = matched(make, low, high, null[ranked], round(rate * MATCH_HOURS))
                    runs = [score(alarms(make(level), s, ranked), spans, hours) for s, spans in streams]
                    recall = float(np.mean([r.found / r.events for r in runs]))
                    if recall >= recalls.get(name, 0.0):
                        recalls[name] = recall
                        found |= numbers(f"{kind}/{rate:g}/{name}", runs)
            passed[f"cusum_recalls_most_{kind}_{rate:g}"] = recalls["cusum"] >= max(recalls.values())
            stated = Cusum.for_rate(rate, FPS, k=1.0)
            fresh = noise(
                kind, round(NULL_HOURS * HOUR * FPS), np.random.default_rng((7, NOISES.index(kind)))
            )
            count = len(alarms(stated, fresh))
            found[f"{kind}/{rate:g}/stated/false_per_hour"] = count / NULL_HOURS
            # Three standard deviations of a Poisson count around what was stated.
            expected = rate * NULL_HOURS
            passed[f"stated_rate_holds_{kind}_{rate:g}"] = count <= expected + 3 * np.sqrt(expected)
    print(json.dumps(report(found, {name: bool(value) for name, value in passed.items()}), indent=2))


if __name__ == "__main__":
    main()
