"""Captions that a describer wrote itself, slowly: targets from which it, or another, learns to write in few passes.

Of one region many sentences are true; at the first pass a masked model has not yet decided which one it is writing,
and words of several get mixed. What the model itself writes when it has time is one choice among them, made the same
way every time. (Sequence-level distillation, arXiv 1606.07947; for parallel decoders it is what removes the conflict
between words, arXiv 1711.02281.) Captions that the reader finds wrong of their scene are left out, so the stage passes
no mistake on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lucida.canvas.plan import Plan
from lucida.media.errors import InputError
from lucida.media.files import atomic_write
from lucida.metrics.reader import read_caption, score_caption
from lucida.systems.describe.bank import FeatureBank
from lucida.systems.describe.evaluation import decode_scene
from lucida.systems.describe.layout import REQUEST_REGION, Request
from lucida.world.grammar import agreed
from lucida.world.language import STYLES_TRAIN, expected, lexicon

SHARD = 100


@dataclass(frozen=True, kw_only=True)
class ToldConfig:
    """Who writes what.

    Attributes:
        model: the writer, a describer of the same layout, by name or folder; "": no such targets.
        scenes: the first so many of the bank are described, rounded up to hundreds.
        share: chance that a region's caption is the told one, where there is one.
        seed: of the styles. Runs of other seeds share what was written.
        plan: how the writer decodes; a twin writes left to right whatever this says.
    """

    model: str = ""
    scenes: int = 2000
    share: float = 0.5
    seed: int = 0
    plan: Plan = Plan(steps=40, law="threshold", order="left-to-right", threshold=0.97)

    def __post_init__(self) -> None:
        if self.scenes < 1 or not 0 <= self.share <= 1:
            raise InputError(f"told: want scenes >= 1 and 0 <= share <= 1, got {self.scenes} and {self.share}")


@dataclass(frozen=True, kw_only=True)
class Caption:
    """One caption of an object of a scene, in one of the world's styles."""

    number: int
    style: int
    text: str


class Told:
    """The captions, by scene; kept on disk in shards, so that writing them can be stopped and taken up again."""

    def __init__(self, home: Path, bank: FeatureBank, config: ToldConfig) -> None:
        from lucida.systems.registry import load

        self.config, self.bank = config, bank
        self.count = min(-(-config.scenes // SHARD) * SHARD, len(bank))
        self._writer: Any = load(config.model)
        kept = {k: getattr(self._writer.layout.config, k) for k in ("side", "replay", "channels", "cover", "sides")}
        wanted = {k: getattr(bank.layout, k) for k in kept}
        if kept != wanted:
            raise InputError(f"told.model: {config.model} reads another layout: {kept}, the recipe's is {wanted}")
        facts = {
            "weights": self._writer.config.get("weights_sha256", str(config.model)),
            "plan": asdict(config.plan), "bank": bank.folder.name, "seed": config.seed,
        }  # fmt: skip
        name = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=6).hexdigest()
        self.folder = home / f"told-{name}"

    def _file(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.json"

    def build(self, progress: Callable[[str], None] = lambda words: None) -> None:
        """Write what is missing."""
        shards = range(-(-self.count // SHARD))
        missing = [s for s in shards if not self._file(s).is_file()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for done, shard in enumerate(missing):
            rows = [self._write(n) for n in range(shard * SHARD, min((shard + 1) * SHARD, len(self.bank)))]
            atomic_write(self._file(shard), json.dumps(rows) + "\n")
            progress(f"captions told by {self.config.model}: {done + 1} of {len(missing)} parts")

    def _write(self, number: int) -> list[list[Any]]:
        """[object, style, text] of each object of a scene that was described rightly."""
        seen, writer = self.bank[number], self._writer
        rng = np.random.default_rng((self.config.seed, number))
        styles = [int(s) for s in rng.choice(STYLES_TRAIN, len(seen.regions))]
        slots = writer.layout.config.caption_slots
        requests = [
            Request(text=REQUEST_REGION, regions=(region,), slots=slots, style=style)
            for region, style in zip(seen.regions, styles, strict=True)
        ]
        decoded = decode_scene(
            writer.network, writer.layout, seen, requests, writer.visibility, self.config.plan
        )
        rows: list[list[Any]] = []
        for i, (ids, style) in enumerate(zip(decoded.ids, styles, strict=True)):
            text = agreed(writer.layout.vocabulary.decode(ids))
            if score_caption(read_caption(text, lexicon()), expected(seen.scene, i))["all"]:
                rows.append([i, style, text])
        return rows

    @cache  # noqa: B019 - one store lives as long as its run
    def _shard(self, shard: int) -> list[list[list[Any]]]:
        return json.loads(self._file(shard).read_text())

    def of(self, number: int, index: int) -> Caption | None:
        """What was told of object ``index`` of the bank's scene ``number``, if anything."""
        if number >= self.count:
            return None
        rows = self._shard(number // SHARD)[number % SHARD]
        return next((Caption(number=i, style=s, text=t) for i, s, t in rows if i == index), None)
