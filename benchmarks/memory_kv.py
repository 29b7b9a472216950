"""Associative recall through a key/value memory: a small transformer is trained, then made to forget.

A stream is frames of four patches. Most patches show one of a few textures, the same until the scene changes; now and
then a patch shows a pair (which, what) that is said once. At the end it is asked "what went with which?". The model is
trained with all of the stream in view; the policies only decide what it may still see.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lucida.watch.memory.kv import KvConfig, KvMemory
from lucida.watch.memory.kv_model import KvReader, ReaderConfig
from lucida.watch.memory.kv_policies import POLICIES

PATCHES, PAIRS, WHICH, WHAT, TEXTURES = 4, 6, 24, 12, 8
_BLANK = 0
_WORDS = 1 + WHICH + WHAT + TEXTURES + 1
_ASK = _WORDS - 1


@dataclass(frozen=True)
class Batch:
    """words (B, M, 2): a stream and behind it its questions; answer (B, PAIRS) in words; at (B, PAIRS) said where."""

    words: Tensor
    answer: Tensor
    at: Tensor


def draw(batch: int, frames: int, random: torch.Generator) -> Batch:
    """Streams of ``frames`` frames with PAIRS pairs each, and one question per pair."""
    count = frames * PATCHES

    def whole(high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=random)

    scene = (torch.rand(batch, frames, 1, generator=random) < 0.1).cumsum(dim=1)
    texture = (whole(TEXTURES, batch, 1, PATCHES) + scene * (1 + 2 * whole(3, batch, 1, PATCHES))) % TEXTURES
    words = torch.stack((1 + WHICH + WHAT + texture, torch.zeros_like(texture)), dim=-1).flatten(1, 2)
    which = torch.rand(batch, WHICH, generator=random).argsort(dim=-1)[:, :PAIRS]
    what = whole(WHAT, batch, PAIRS)
    at = torch.rand(batch, count, generator=random).argsort(dim=-1)[:, :PAIRS]
    pairs = torch.stack((1 + which, 1 + WHICH + what), dim=-1)
    words.scatter_(1, at.unsqueeze(-1).expand(-1, -1, 2), pairs)
    ask = torch.stack((1 + which, torch.full_like(which, _ASK)), dim=-1)
    return Batch(torch.cat((words, ask), dim=1), 1 + WHICH + what, at)


def train(seed: int, *, frames: int, steps: int, say=print) -> KvReader:
    """A reader that answers with all of the stream in view. Questions see the stream and the questions before them."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    model = KvReader(ReaderConfig(vocabulary=_WORDS))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    start = time.perf_counter()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 50, (steps - step) / (0.3 * steps))
        length = frames if step % 2 else max(frames // 4, 8)  # short ones teach the pairing sooner
        batch = draw(24, length, random)
        logits = model(batch.words)[:, -PAIRS:]
        loss = F.cross_entropy(logits.flatten(0, 1), batch.answer.flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 100 == 99:
            say(f"step {step + 1}: loss {loss.item():.3f}, {time.perf_counter() - start:.0f} s")
    return model.eval().requires_grad_(False)


def recall(
    model: KvReader, batch: Batch, policy: str, tokens: int | None, *, positions: str = "original"
) -> dict:
    """Share of right answers, also for pairs said in the newest quarter and before it; bytes held and read.

    ``policy``: one of POLICIES; "full"; or "rekv", which keeps everything in an archive, encodes with a window, and
    reads sinks, window and as many blocks as ``tokens`` allow.
    """
    size = model.config
    sizes = {"layers": size.layers, "heads": size.heads, "width": size.width // size.heads, "frame": PATCHES}
    kept = tokens if policy in POLICIES else None
    config = KvConfig(**sizes, tokens=kept, sinks=PATCHES, positions=positions)  # type: ignore[arg-type]
    memory = KvMemory(config, POLICIES.get(policy))
    stream, questions = batch.words[:, :-PAIRS], batch.words[:, -PAIRS:]
    reading: dict[str, int | None] = {"window": None, "blocks": None}
    if policy == "rekv":
        assert tokens is not None
        window = max(PATCHES, tokens // 4 // PATCHES * PATCHES)
        reading = {"window": window, "blocks": max(1, (tokens - PATCHES - window) // PATCHES)}
    for start in range(0, stream.shape[1], PATCHES):
        model.step(stream[:, start : start + PATCHES], memory, start, store=True, window=reading["window"])
    memory.sizes()  # starts the account of what is read anew
    right = []
    for ask in range(PAIRS):
        logits = model.step(questions[:, ask : ask + 1], memory, stream.shape[1], store=False, **reading)
        right.append(logits[:, 0].argmax(dim=-1) == batch.answer[:, ask])
    found = torch.stack(right, dim=1).float()
    late = batch.at >= 0.75 * stream.shape[1]
    used = memory.sizes()
    return {
        "recall": found.mean().item(),
        "late": found[late].mean().item(),
        "early": found[~late].mean().item(),
        "state": used.state,
        "archive": used.archive,
        "read": used.read / PAIRS,
    }
