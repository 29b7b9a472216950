"""The judge: what it reads off its maps, how prompts are scored, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.metrics.frechet import frechet_distance
from lucida.models.dense_judge import DenseJudge, JudgeConfig, Judged, load_judge
from lucida.models.tower import load_tower
from lucida.systems.generate.judge_task import WHOLE, JudgeTask, spoiled
from lucida.systems.generate.judging import (
    Found,
    distance_and_floor,
    judge_pictures,
    principal,
    score_pictures,
    score_prompt,
    tower_features,
)
from lucida.systems.generate.prompts import Asked, Prompt
from tests.systems.describe.small import small_home
from tests.systems.tiny import FACTS

FOX = Found(noun="fox", colour="red", centre=(2.0, 5.0), cells=4)
CAR = Found(noun="car", colour=None, centre=(9.0, 6.0), cells=4)
PROMPT = Prompt(
    text="a red fox left of a blue car",
    things=(Asked(noun="fox", colour="red"), Asked(noun="car", colour="blue")),
    relations=((0, "left of", 1),),
)


def test_prompts_are_scored_by_hand() -> None:
    assert score_prompt(PROMPT, [FOX, CAR]) == {
        "object": [True, True],
        "colour": [True, False],
        "relation": [True],
    }
    assert score_prompt(PROMPT, [CAR]) == {
        "object": [False, True],
        "colour": [False, False],
        "relation": [False],
    }
    swapped = [Found(noun="fox", colour="red", centre=(12.0, 5.0), cells=4), CAR]
    assert score_prompt(PROMPT, swapped)["relation"] == [False]
    below = [Found(noun="fox", colour="red", centre=(8.0, 1.0), cells=4), CAR]
    assert score_prompt(PROMPT, below)["relation"] == [False]  # above rather than left of
    upright = Prompt(
        text="", things=PROMPT.things, relations=((0, "above", 1), (1, "below", 0), (1, "above", 0))
    )
    assert score_prompt(upright, below)["relation"] == [True, True, False]


class Oracle(DenseJudge):
    """Reads the classes off the picture: the red channel holds the noun, the green one the colour."""

    def forward(self, pixels: torch.Tensor) -> Judged:
        cells = torch.nn.functional.avg_pool2d(pixels, 4)
        nouns = torch.nn.functional.one_hot((cells[:, 0] * 10).round().long(), 3).permute(0, 3, 1, 2).float()
        colours = (
            torch.nn.functional.one_hot((cells[:, 1] * 10).round().long(), 3).permute(0, 3, 1, 2).float()
        )
        return Judged(nouns, colours * 5, pixels.mean((2, 3)))


def test_things_are_read_off_the_map() -> None:
    judge = Oracle(JudgeConfig(nouns=("car", "fox"), colours=("blue", "red"), side=16, width=8))
    pixels = torch.zeros(2, 3, 16, 16)
    pixels[0, 0, :4, :8] = 0.2  # two cells of fox, red
    pixels[0, 1, :4, :8] = 0.2
    pixels[0, 0, 12:, 8:] = 0.1  # two cells of car without colour
    pixels[1, 0, :4, :4] = 0.1  # one cell is too little
    seen = judge_pictures(pixels, judge)
    assert seen.things[1] == () and [t.noun for t in seen.things[0]] == ["car", "fox"]
    car, fox = seen.things[0]
    assert (fox.colour, fox.centre, fox.cells) == ("red", (0.5, 0.0), 2)
    assert (car.colour, car.centre) == (None, (2.5, 3.0))
    prompt = Prompt(text="", things=(Asked(noun="fox", colour="red"),), relations=())
    score = score_pictures([prompt, prompt], seen)
    assert (score.object, score.colour, score.asked["object"]) == (0.5, 0.5, 2) and np.isnan(score.relation)


def test_distance_stands_beside_its_floor() -> None:
    rng = np.random.default_rng(0)
    truth, other = rng.normal(size=(2, 300, 4))
    far, floor = distance_and_floor(rng.normal(size=(300, 4)) + 1, truth, other)
    assert floor < 0.1 < 3 < far
    with pytest.raises(ValueError, match="equal numbers"):
        distance_and_floor(truth[:10], truth, other)


def test_a_tower_judges_pictures_of_any_size() -> None:
    """The same picture larger has nearly the same features; distances in main directions are rotations of the whole."""
    tower = load_tower()
    pixels = torch.rand(3, 3, 32, 32) * 2 - 1
    features = tower_features(pixels, tower)
    assert features.shape == (3, 1280)
    images = [Image.from_float(p) for p in pixels.numpy()]
    assert np.abs(tower_features(images, tower) - features).max() < 0.1
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 5)), rng.normal(1.0, 2.0, (60, 5))
    whole = frechet_distance(a, b)
    assert frechet_distance(*principal(b, a, b, keep=5)) == pytest.approx(whole, rel=1e-6)
    assert principal(b, a, keep=2)[0].shape == (60, 2)


def test_spoiled_pictures_keep_what_is_coarse() -> None:
    generator = torch.Generator().manual_seed(0)
    fine = torch.randn(3, 3, 16, 16, generator=generator)
    assert torch.equal(spoiled(fine, np.full(3, WHOLE), np.full(3, 16)), fine)
    flat = fine.unflatten(2, (2, 8)).unflatten(4, (2, 8)).mean((3, 5), keepdim=True).expand(-1, -1, -1, 8, -1, 8)
    flat = flat.flatten(4).flatten(2, 3)
    assert torch.allclose(spoiled(fine, np.zeros(3, int), np.full(3, 16)), flat, atol=1e-5)  # diagonal 0: block means
    made = spoiled(fine, np.array([3, WHOLE, 3]), np.array([16, 8, 8]))
    variances = [float(part.var()) for part in (*made, fine)]
    assert variances[2] < min(variances[0], variances[1]) < max(variances[0], variances[1]) < variances[3]
    assert torch.allclose(made[0].mean(), fine[0].mean(), atol=1e-5)


def test_the_judge_learns_and_is_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lucida.systems.tokenize import teacher

    monkeypatch.setattr(teacher, "FITTED", 4)
    monkeypatch.setenv("LUCIDA_HOME", str(small_home(tmp_path / "home")))
    values: dict[str, Any] = {"side": 32, "render": 128, "width": 8, "bank": {"count": 4, "objects": [1, 2]},
                              "rows": 4, "probe": 2, "spoil": 0.5}  # fmt: skip
    torch.manual_seed(0)
    task = JudgeTask(values, seed=0)
    task.prepare(lambda words: None)
    batch = task.batch(0, 0, 1)
    parts = [task.batch(0, rank, 2) for rank in (0, 1)]
    assert torch.equal(batch.pixels, torch.cat([p.pixels for p in parts]))
    assert torch.equal(batch.nouns, torch.cat([p.nouns for p in parts])) and int(batch.nouns.max()) > 0
    optimiser, losses = torch.optim.AdamW(task.module.parameters(), 1e-2), []
    for _ in range(30):
        loss = task.module(batch)[0].mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert set(task.probe(task.module)) == {"noun", "colour"}
    folder = task.export(task.module, tmp_path / "judge", FACTS)
    judge = load_judge(folder)
    assert torch.allclose(judge(batch.pixels).nouns, task.module.network(batch.pixels).nouns, atol=0.05)
    on = JudgeTask(values | {"start": str(folder)}, seed=1)
    assert torch.allclose(on.module.network(batch.pixels).nouns, judge(batch.pixels).nouns, atol=1e-5)
    with pytest.raises(InputError, match=r"recipe.start: .* is another network"):
        JudgeTask(values | {"start": str(folder), "width": 16}, seed=1)
    with pytest.raises(InputError, match="not a judge"):
        load_judge("tower")
