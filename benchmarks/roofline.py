"""Where parallel decoding stops paying on a large model, on paper: a roofline from stated constants.

    python -m benchmarks.roofline

A pass takes the longer of its arithmetic over the accelerator's peak and its traffic over the memory's bandwidth. The
twin reads all weights once per word for all regions together; a diffusion pass reads them once for all slots. So
the twin is bound by traffic until hundreds of regions, and diffusion by arithmetic after a few: it wins while K passes
over N*A slots cost less arithmetic time than L words cost traffic time. Nothing here is measured.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

from lucida.train.claims import Value, report


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """Peak dense bf16 FLOP/s and bytes/s of memory (NVIDIA H100 SXM data sheet), and the shares reached in practice."""

    flops: float = 989e12
    bandwidth: float = 3.35e12
    flops_share: float = 0.6
    bandwidth_share: float = 0.8


@dataclass(frozen=True, kw_only=True)
class Model:
    """LLaDA-8B's sizes: full attention heads, SwiGLU, untied head; weights and cache of two bytes a number."""

    layers: int = 32
    width: int = 4096
    hidden: int = 12288
    vocabulary: int = 126464
    bytes: int = 2

    @property
    def matrices(self) -> float:
        """Weights of the layers: 4 d^2 of attention, 3 d f of the feed-forward part."""
        return self.layers * (4.0 * self.width**2 + 3.0 * self.width * self.hidden)

    @property
    def head(self) -> float:
        """Weights of the output layer."""
        return float(self.width * self.vocabulary)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A picture of six tiles and a thumbnail (7 x 256 tokens), regions with 16 replay tokens and 32 slots.

    ``words``: length of the longest caption, which the twin's batch waits for; ``mean_words``: where rows leave.
    """

    context: int = 1792 + 45
    given: int = 17
    slots: int = 32
    words: int = 32
    mean_words: float = 24.0


def seconds(
    tokens: float, keys: float, cache: float, logits: float, model: Model, chip: Accelerator
) -> tuple[float, str]:
    """One pass: ``tokens`` that each see ``keys``, reading ``cache`` remembered tokens once, with ``logits`` rows.

    FLOP = 2 tokens (matrices + 2 layers width keys) + 2 logits head; bytes = weights + 2 layers width cache numbers.
    """
    flop = 2 * tokens * (model.matrices + 2 * model.layers * model.width * keys) + 2 * logits * model.head
    traffic = model.bytes * (model.matrices + model.head + 2 * model.layers * model.width * cache)
    by_flops = flop / (chip.flops * chip.flops_share)
    by_traffic = traffic / (chip.bandwidth * chip.bandwidth_share)
    return max(by_flops, by_traffic), "arithmetic" if by_flops > by_traffic else "traffic"


def diffusion(regions: int, passes: int, model: Model, task: Task, chip: Accelerator) -> float:
    """K passes over all slots, context and given parts cached."""
    keys = task.context + task.given + task.slots
    cache = task.context + regions * task.given
    return passes * seconds(regions * task.slots, keys, cache, regions * task.slots, model, chip)[0]


def twin(regions: int, model: Model, task: Task, chip: Accelerator, *, shared: bool = True) -> float:
    """One word of every unfinished region per step; ``shared``: the context's cache is read once for all of them."""
    total, left = 0.0, 0.0
    for step in range(task.words):
        # Rows leave evenly between 2 mean - longest and the longest caption.
        first = 2 * task.mean_words - task.words
        left = regions * (
            1.0 if step <= first else max((task.words - step) / (task.words - first), 1 / regions)
        )
        own = task.given + step
        cache = (task.context if shared else left * task.context) + left * own
        total += seconds(left, task.context + own, cache, left, model, chip)[0]
    return total


def released(regions: int, passes: int, model: Model, task: Task, chip: Accelerator) -> float:
    """The whole sequence at every pass."""
    tokens = task.context + regions * (task.given + task.slots)
    return passes * seconds(tokens, tokens, 0, regions * task.slots, model, chip)[0]


def crossover(passes: int, model: Model, task: Task, chip: Accelerator) -> int:
    """The largest N at which K passes are no slower than the batched twin; 0 where they never are."""
    found = 0
    for n in range(1, 1025):
        if diffusion(n, passes, model, task, chip) <= twin(n, model, task, chip):
            found = n
    return found


def main() -> None:
    """Print the inputs, the arithmetic of one line, and the table."""
    model, task, chip = Model(), Task(), Accelerator()
    for part in (model, task, chip):
        print(f"{type(part).__name__}: {asdict(part)}", file=sys.stderr)
    weights = model.matrices + model.head
    print(f"weights {weights / 1e9:.2f} G, {weights * model.bytes / 1e9:.1f} GB: one reading "
          f"{weights * model.bytes / chip.bandwidth / chip.bandwidth_share * 1e3:.2f} ms", file=sys.stderr)  # fmt: skip
    ridge = chip.flops * chip.flops_share * model.bytes / (2 * chip.bandwidth * chip.bandwidth_share)
    print(f"a pass is bound by arithmetic above {ridge:.0f} tokens, {ridge / task.slots:.1f} regions of "
          f"{task.slots} slots", file=sys.stderr)  # fmt: skip
    numbers: dict[str, Value] = {"ridge_tokens": ridge}
    header = f"{'N':>4} {'twin ms':>8} {'unshared':>8} " + " ".join(f"K={k:<7}" for k in (1, 2, 4, 8, 16, 32))
    print(f"{header} released K=32", file=sys.stderr)
    for n in (1, 2, 4, 8, 16, 32, 64, 128):
        rival = twin(n, model, task, chip)
        row = f"{n:4} {rival * 1e3:8.1f} {twin(n, model, task, chip, shared=False) * 1e3:8.1f} "
        for k in (1, 2, 4, 8, 16, 32):
            mine = diffusion(n, k, model, task, chip)
            numbers[f"N{n}/K{k}/faster_than_twin"] = rival / mine
            row += f"{rival / mine:8.2f}x"
        old = released(n, 32, model, task, chip)
        numbers[f"N{n}/released32/faster_than_twin"] = rival / old
        print(f"{row} {rival / old:8.2f}x", file=sys.stderr)
    for k in (1, 2, 3, 4, 6, 8, 16, 32):
        numbers[f"crossover/K{k}"] = crossover(k, model, task, chip)
        print(f"K = {k:2}: no slower than the twin up to N* = {numbers[f'crossover/K{k}']}", file=sys.stderr)
    print(json.dumps(report(numbers, {}, "On paper; no measurement."), indent=1))


if __name__ == "__main__":
    main()
