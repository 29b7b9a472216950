"""The generator: prompts that are true, batches, one batch learned by heart, drawing by seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lucida
from lucida.media.errors import InputError
from lucida.systems.generate.latents import caption_ids
from lucida.systems.generate.prompts import Prompt, draw_prompt
from lucida.systems.generate.system import DrawPlan
from lucida.systems.generate.task import GenerateTask
from lucida.world.config import SceneConfig
from lucida.world.scene import draw_scene
from tests.systems.describe.small import small_home
from tests.systems.tiny import FACTS, tiny_generator, tiny_tokenizer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generate")
    small_home(folder / "home")
    return folder


@pytest.fixture
def settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from lucida.systems.tokenize import teacher

    monkeypatch.setenv("LUCIDA_HOME", str(place / "home"))
    monkeypatch.setattr(teacher, "FITTED", 10)
    tokenizer = place / "tokenizer"
    return {
        "network": {
            "channels": 6, "grid": 4,
            "dit": {"width": 32, "layers": 2, "heads": 2, "hidden": 48},
            "captions": {"width": 16, "layers": 1, "heads": 2, "hidden": 24},
        },
        "tokenizer": str(tokenizer if tokenizer.exists() else tiny_tokenizer(tokenizer)),
        "teacher": {"side": 32, "grid": 4, "render": 64, "channels": 8},
        "bank": {"count": 8, "objects": [1, 2]},
        "rows": 8,
        "probe": 4,
    }  # fmt: skip


@pytest.fixture
def task(settings: dict[str, Any]) -> GenerateTask:
    return prepared(settings)


def prepared(settings: dict[str, Any]) -> GenerateTask:
    torch.manual_seed(0)
    made = GenerateTask(settings, seed=0)
    made.prepare(lambda words: None)
    return made


def prompts(count: int) -> list[tuple[Any, Prompt]]:
    config = SceneConfig(objects=(1, 3))
    scenes = [draw_scene(seed, size=(64, 64), config=config) for seed in range(count)]
    return [(s, draw_prompt(s, np.random.default_rng(n))) for s in scenes for n in range(20)]


def test_prompts_are_true_and_say_what_they_ask() -> None:
    related = 0
    for scene, prompt in prompts(8):
        text = prompt.text
        there = [(o.noun, o.colour) for o in scene.objects]
        assert len(prompt.things) == len(there)
        for thing in prompt.things:
            assert any(thing.noun == noun and thing.colour in (None, colour) for noun, colour in there)
            assert thing.colour is None or thing.colour in text
        for a, word, b in prompt.relations:
            related += 1
            assert f" {word} " in text
            pairs = {
                (scene.objects[r.subject].noun, r.word, scene.objects[r.other].noun) for r in scene.relations
            }
            assert (prompt.things[a].noun, word, prompt.things[b].noun) in pairs
    assert related > 10
    assert len({prompt.text for _, prompt in prompts(2)}) > 20


def test_prompts_as_ids(task: GenerateTask) -> None:
    v = task.vocabulary
    ids, valid = caption_ids(["a red fox", ""], v, 80)
    assert ids[1, 0] == v.end and valid[1].tolist() == [True] + [False] * (ids.shape[1] - 1)
    assert v.decode(ids[0].tolist()) == "a red fox" and bool(valid[0].all())
    with pytest.raises(InputError, match="at most 4"):
        caption_ids(["a red fox left of a blue umbrella"], v, 4)


def test_batches_are_functions_of_the_step_and_shares_fit(task: GenerateTask) -> None:
    whole, parts = task.batch(3, 0, 1), [task.batch(3, rank, 2) for rank in (0, 1)]
    for name in ("data", "noise", "levels"):
        assert torch.equal(getattr(whole, name), torch.cat([getattr(p, name) for p in parts]))
    words = [task.vocabulary.decode(row.tolist()) for p in parts for row in p.ids]
    assert words == [task.vocabulary.decode(row.tolist()) for row in whole.ids]
    assert whole.data.shape == (8, 6, 4, 4) and task.schedule.shift == pytest.approx((6 / 4) ** 0.5)


def test_one_batch_is_learned_by_heart(task: GenerateTask, tmp_path: Path) -> None:
    batch, module = task.batch(0, 0, 1), task.module
    optimiser = torch.optim.AdamW(module.parameters(), 5e-3)
    losses = []
    for _ in range(80):
        loss = module(batch)[0].mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]
    numbers = task.probe(module)
    assert {"error", "error_unprompted"} < set(numbers) and all(np.isfinite(list(numbers.values())))
    generator = lucida.load(str(task.export(module, tmp_path / "model", FACTS)), device="cpu")
    assert generator.schedule.shift == task.schedule.shift
    assert generator.draw("a red fox", plan=DrawPlan(steps=2)).images[0].size == (32, 32)


def test_names_and_the_teacher_are_read_off_the_trunk(settings: dict[str, Any]) -> None:
    plain, asked = prepared(settings), prepared(settings | {"loss": {"nouns": 0.5, "teacher": 0.25, "things": 3.0}})
    batch = asked.batch(0, 0, 1)
    things = batch.nouns > 0
    assert batch.nouns.shape == (8, 16) and batch.teacher.shape == (8, 16, 8)
    scene = asked.bank.scene(0)
    named = {asked.nouns[n - 1] for n in asked._maps["train"][0].tolist() if n}
    assert named <= {o.noun for o in scene.objects}

    losses, logged = asked.module(batch)
    losses.mean().backward()
    assert asked.module.name is not None and asked.module.tell is not None
    assert all(p.grad is not None for head in (asked.module.name, asked.module.tell) for p in head.parameters())

    asked.module.network.load_state_dict(plain.module.network.state_dict())
    with torch.no_grad():
        (losses, logged), (whole, simple) = asked.module(batch), plain.module(batch)
    assert whole.mean() == pytest.approx(float(simple["error"]), rel=1e-5)
    assert float(logged["error"]) == pytest.approx(float(simple["error"]), rel=1e-5)
    share = things.float().mean(1)
    errors = (losses - 0.5 * logged["nouns"] - 0.25 * (1 - logged["teacher"])).mean()
    assert torch.isfinite(errors) and 0 < float(share.mean()) < 1
    assert sorted(plain.module.state_dict()) == sorted(k for k in asked.module.state_dict() if k.startswith("network."))


def test_training_goes_on_from_a_model(settings: dict[str, Any], place: Path) -> None:
    first = prepared(settings)
    model = first.export(first.module, place / "first", {**FACTS, "probe": {"error": 1.0}})
    torch.manual_seed(1)
    second = GenerateTask(settings | {"start": str(model)}, seed=1)
    for one, other in zip(first.module.parameters(), second.module.parameters(), strict=True):
        assert torch.equal(one.half().float(), other)
    other = settings | {"start": str(model), "network": settings["network"] | {"deep": False, "channels": 4}}
    with pytest.raises(InputError, match=r"recipe.start: .* is another network"):
        GenerateTask(other, seed=0)


def test_sizes_of_things_are_a_setting(settings: dict[str, Any]) -> None:
    large = prepared(settings | {"bank": {"count": 6, "objects": [1, 1], "sizes": [0, 0, 1]}})
    assert {o.size for n in range(6) for o in large.bank.scene(n).objects} == {"large"}
    with pytest.raises(InputError, match=r"bank\.sizes"):
        GenerateTask(settings | {"bank": {"sizes": [0, 0, 0]}}, seed=0)


def test_drawing(place: Path) -> None:
    """Picture i belongs to seed + i; the prompt, the plan and guidance are heard; passes are counted."""
    folder = tiny_generator(place / "tiny")
    generator = lucida.load(str(folder), device="cpu")
    with torch.no_grad():
        for p in generator.network.parameters():
            p.mul_(2.0)
    plan, events = DrawPlan(steps=4, guidance=3.0), []
    both = generator.draw("a red fox", count=2, seed=5, plan=plan, on_event=events.append)
    alone = generator.draw("a red fox", seed=6, plan=plan)
    assert torch.allclose(both.latents[1:], alone.latents, atol=1e-4) and both.seeds == (5, 6)
    assert both.passes == 8 and [e.step for e in events] == [1, 2, 3, 4]
    assert torch.equal(events[-1].x, both.latents)
    assert len(generator.see(events[0].data)) == 2
    other = generator.draw("two blue cats", seed=6, plan=plan)
    assert not torch.allclose(other.latents, alone.latents, atol=1e-4)
    plain = generator.draw("a red fox", seed=6, plan=replace(plan, guidance=1.0))
    assert plain.passes == 4 and not torch.allclose(plain.latents, alone.latents, atol=1e-4)
    itself = generator.draw("a red fox", seed=6, plan=plan, bad=generator)
    assert torch.allclose(itself.latents, plain.latents, atol=1e-3)  # away from itself is nowhere
    assert generator.draw("a red fox", seed=6, plan=replace(plan, method="heun", guidance=1.0)).passes == 7
    each = generator.draw_each(["two blue cats", "a red fox"], [6, 6], plan=plan)
    wanted = (other.images[0], alone.images[0])
    for mine, true in zip(each, wanted, strict=True):
        assert np.abs(mine.pixels.astype(int) - true.pixels).max() <= 1 and mine.source == true.source
    with pytest.raises(InputError, match="as many seeds as prompts"):
        generator.draw_each(["a"], [1, 2])
    for bad in ({"steps": 0}, {"guidance": -1.0}):
        with pytest.raises(InputError):
            DrawPlan(**bad)
    with pytest.raises(InputError, match="count must be"):
        generator.draw("x", count=0)
    assert generator.never_drawn("a red spoon") == []
    generator.config["nouns"] = "common"
    assert generator.never_drawn("a red fox, a teddy bear and a spoon on a foxglove") == ["spoon"]
