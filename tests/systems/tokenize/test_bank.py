"""Teacher features and scene banks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lucida.media.errors import InputError
from lucida.systems.tokenize.bank import SceneBank, SceneBankConfig, owners
from lucida.systems.tokenize.task import TokenizeTask
from lucida.systems.tokenize.teacher import TeacherConfig, fit_directions, small
from lucida.world.nouns import COMMON_NOUNS


def test_owners_by_hand() -> None:
    masks = np.zeros((2, 4, 4), bool)
    masks[0, :2, :2] = True  # all of the first cell
    masks[1, 2:, 0] = True  # half of the third
    masks[1, 3, 3] = True  # a quarter of the fourth
    assert owners(masks, 2).tolist() == [1, 0, 2, 0]


def test_directions_are_principal() -> None:
    torch.manual_seed(0)
    cells = torch.randn(4000, 5) * torch.tensor([3.0, 0.1, 2.0, 0.1, 0.1]) + 1
    found = fit_directions(cells, 2)
    features = found(cells)
    assert found.kept > 0.99
    assert torch.allclose(features.mean(0), torch.zeros(2), atol=1e-5)
    assert float(features.square().mean()) == pytest.approx(1.0, abs=0.01)
    assert abs(float(torch.corrcoef(features.T)[0, 1])) < 1e-4
    assert abs(float(torch.corrcoef(torch.stack((features[:, 0], cells[:, 0])))[0, 1])) > 0.99


def test_reduced_by_area() -> None:
    large = np.zeros((4, 4, 3), np.uint8)
    large[:2, :2] = [[[0], [100]], [[100], [200]]]
    assert small(large, 2)[0, 0].tolist() == [100, 100, 100]


def test_a_bank_is_the_scenes_it_names(values: dict[str, Any]) -> None:
    task = TokenizeTask(values, seed=0)
    said: list[str] = []
    task.bank.build(said.append)
    task.bank.build(lambda words: pytest.fail("built twice"))
    assert task.bank.built and len(said) in (0, 1, 2)
    rows = task.bank.rows([3, 0])
    assert (
        rows.pixels.shape == (2, 3, 32, 32)
        and rows.teacher.shape == (2, 16, 8)
        and rows.owner.shape == (2, 16)
    )
    assert float(rows.pixels.min()) >= -1 and float(rows.pixels.max()) <= 1
    assert int(rows.owner.max()) <= len(task.bank.scene(3).objects)
    assert task.bank.scene(3).seed == 3 and not torch.equal(rows.teacher[0], rows.teacher[1])
    part = SceneBank(task.bank.home, SceneBankConfig(count=4, first=3), task.config.teacher)
    part.build()
    assert torch.allclose(part.rows([0]).teacher, rows.teacher[:1], atol=2e-3)
    assert torch.equal(part.rows([0]).pixels, rows.pixels[:1])


def test_common_nouns_alone(values: dict[str, Any]) -> None:
    teacher = TokenizeTask(values, seed=0).config.teacher
    home = TokenizeTask(values, seed=0).bank.home
    bank = SceneBank(home, SceneBankConfig(count=4, nouns="common"), teacher)
    assert bank.folder != SceneBank(home, SceneBankConfig(count=4), teacher).folder
    bank.build()
    assert {o.noun for n in range(4) for o in bank.scene(n).objects} <= set(COMMON_NOUNS)


def test_bad_settings() -> None:
    with pytest.raises(InputError, match="must be a multiple of 16"):
        TeacherConfig(render=250)
    with pytest.raises(InputError, match="count >= 1"):
        SceneBankConfig(split="nowhere")
    assert TeacherConfig().name != TeacherConfig(channels=32).name and Path(TeacherConfig().name).name
