"""Captions that a model wrote: only right ones are kept, writing can be taken up again, samples use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lucida.canvas.plan import Plan
from lucida.canvas.span import Role
from lucida.media.errors import InputError
from lucida.systems.describe import told
from lucida.systems.describe.bank import FeatureBank, Seen
from lucida.systems.describe.layout import Layout, LayoutConfig, Request
from lucida.systems.describe.samples import SampleConfig, Sampler
from lucida.systems.describe.task import DescribeTask
from lucida.systems.describe.told import Told, ToldConfig
from lucida.world.language import STYLES_TRAIN, caption
from tests.systems.describe.small import SETTINGS
from tests.systems.tiny import tiny_describer


@pytest.fixture
def writer(small: Path) -> Path:
    folder = small / "writer"
    return folder if folder.exists() else tiny_describer(folder)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int], Plan | None]]:
    """Makes every writer tell the truth, except of objects with odd numbers; what it was asked (seed, styles, plan)."""
    calls: list[tuple[int, list[int], Plan | None]] = []

    def tell(network: Any, layout: Layout, seen: Seen, requests: Sequence[Request], visibility: str, plan: Plan) -> Any:
        calls.append((seen.scene.seed, [r.style for r in requests], plan))
        scene, ids = seen.scene, []
        for i, request in enumerate(requests):
            o = scene.objects[i]
            lie = replace(o, colour="red" if o.colour != "red" else "blue")
            objects = tuple(lie if i % 2 and other is o else other for other in scene.objects)
            text = caption(replace(scene, objects=objects), i, request.style, related=True)
            ids.append(layout.vocabulary.encode(text))
        return SimpleNamespace(ids=ids)

    monkeypatch.setattr(told, "decode_scene", tell)
    monkeypatch.setattr(told, "SHARD", 4)
    return calls


def test_only_what_is_right_is_kept(bank: FeatureBank, writer: Path, asked: list[Any]) -> None:
    config = ToldConfig(model=str(writer), scenes=8, plan=Plan(steps=30))
    store = Told(bank.folder.parent, bank, config)
    store.build()
    assert len(asked) == 8 and asked[0][2] == Plan(steps=30)
    for number in range(8):
        for o in bank[number].scene.objects:
            kept = store.of(number, o.index)
            if o.index % 2:
                assert kept is None
            elif o.medium == "artwork":
                assert kept is not None and kept.style in STYLES_TRAIN and o.noun in kept.text
    assert store.of(8, 0) is None


def test_writing_is_taken_up_again(bank: FeatureBank, writer: Path, asked: list[Any]) -> None:
    config = ToldConfig(model=str(writer), scenes=8, plan=Plan(steps=31))
    first = Told(bank.folder.parent, bank, config)
    first.build()
    whole = [first._file(n).read_text() for n in (0, 1)]
    first._file(1).unlink()
    asked.clear()
    again = Told(bank.folder.parent, bank, config)
    again.build()
    assert len(asked) == 4 and [again._file(n).read_text() for n in (0, 1)] == whole
    assert Told(bank.folder.parent, bank, replace(config, seed=1)).folder != again.folder


def test_samples_say_what_was_told(bank: FeatureBank, layout: Layout, writer: Path, asked: list[Any]) -> None:
    store = Told(bank.folder.parent, bank, ToldConfig(model=str(writer), scenes=20, share=1.0))
    store.build()
    config = SampleConfig(pictures=4, groups=3, kinds=(10, 0, 0), copied_hints=0.0)
    plain = Sampler(bank, layout, config, 0, "strict")
    sampler = Sampler(bank, layout, config, 0, "strict", store)
    met = 0
    for step in range(6):
        for (seen, _, about), (_, ours, _) in zip(plain.pictures(step), sampler.pictures(step), strict=True):
            number = next(n for n in range(20) if bank[n].scene is seen.scene)
            for group, i in enumerate(about):
                assert i is not None
                kept = store.of(number, i)
                if kept is None:
                    continue
                (span,) = ours.part(group, Role.ANSWER)
                said = layout.vocabulary.decode([t for t in span.ids.tolist() if t != layout.vocabulary.end])
                assert said == kept.text
                met += 1
    assert met > 10


def test_the_task_builds_them_first(small: Path, writer: Path, asked: list[Any]) -> None:
    task = DescribeTask(
        {**SETTINGS, "told": {"model": str(writer), "scenes": 6, "plan": {"steps": 33}},
         "bank": {"count": 20, "cutouts": str(small / "cut")}},
        seed=0,
    )
    said: list[str] = []
    task.prepare(said.append)
    assert len(asked) == 8 and any("captions told by" in words for words in said)
    assert task.batch(0, 0, 1).weight.numel() > 0


def test_bad_settings(bank: FeatureBank, writer: Path) -> None:
    for values in ({"scenes": 0}, {"share": 1.5}):
        with pytest.raises(InputError, match="told: want scenes"):
            ToldConfig(model="x", **values)
    other = FeatureBank(bank.folder.parent, bank.config, LayoutConfig(replay=2))
    with pytest.raises(InputError, match="reads another layout"):
        Told(bank.folder.parent, other, ToldConfig(model=str(writer)))
