"""Training a tokenizer: arms, batches, the second stage, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lucida
from lucida.media.errors import InputError
from lucida.models.store import load_model_files
from lucida.systems.tokenize.evaluation import linear_accuracy, measure_statistics, probe_path
from lucida.systems.tokenize.task import TokenizeTask

FACTS = {"steps": 0, "seconds": 0, "dtype": "float32", "probe": {}}
ARMS = {
    "plain": {"pixels": "clean", "semantics": "none", "mask": [0, 0]},
    "aligned": {"pixels": "clean", "semantics": "clean", "mask": [0, 0]},
    "aligned-noisy": {"pixels": "noisy", "semantics": "clean", "mask": [0, 0]},
    "fsd": {"pixels": "noisy", "semantics": "noisy", "mask": [0, 0]},
    "rad": {"pixels": "noisy", "semantics": "noisy", "mask": [0.3, 0.4]},
    "masked-only": {"semantics": "noisy", "mask": [0.3, 0.4], "masked_only": True},
    "raw": {"semantics": "noisy", "mask": [-0.1, 0.4]},
}


def made(values: dict[str, Any], seed: int = 0, **changes: Any) -> TokenizeTask:
    torch.manual_seed(seed)
    task = TokenizeTask({**values, **changes}, seed=seed)
    task.prepare(lambda words: None)
    return task


def trained(task: TokenizeTask, steps: int, rate: float = 3e-3) -> list[float]:
    """Losses on one batch."""
    parameters = [p for p in task.module.parameters() if p.requires_grad]
    optimiser, batch, losses = torch.optim.AdamW(parameters, rate), task.batch(0, 0, 1), []
    for _ in range(steps):
        loss = task.module(batch)[0].mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("arm", sorted(ARMS))
def test_every_arm_learns(arm: str, values: dict[str, Any]) -> None:
    if arm == "raw":
        values["network"]["noised"] = "raw"
    task = made(values, **ARMS[arm])
    losses = trained(task, 12)
    assert losses[-1] < 0.9 * losses[0] and all(np.isfinite(losses))
    logged = task.module(task.batch(1, 0, 1))[1]
    assert ("semantic" in logged) == (arm != "plain") and bool(
        torch.stack(list(logged.values())).isfinite().all()
    )


def test_a_discrete_tokenizer_learns(values: dict[str, Any]) -> None:
    values["network"] |= {"quantiser": "fsq", "channels": 4}
    losses = trained(made(values, pixels="clean", semantics="clean", mask=[0, 0]), 15)
    assert losses[-1] < 0.9 * losses[0]
    with pytest.raises(InputError, match="fsq codes are not noised"):
        made(values)


def test_batches_are_functions_of_the_step_and_shares_fit(values: dict[str, Any]) -> None:
    task = made(values)
    whole, again = task.batch(5, 0, 1), task.batch(5, 0, 1)
    parts = [task.batch(5, rank, 2) for rank in (0, 1)]
    for name in ("pixels", "teacher", "levels", "noise"):
        assert torch.equal(getattr(whole, name), getattr(again, name))
        assert torch.equal(getattr(whole, name), torch.cat([getattr(p, name) for p in parts]))
    assert not torch.equal(whole.levels, task.batch(6, 0, 1).levels)


def test_pictures_and_teachers_are_mirrored_together(values: dict[str, Any]) -> None:
    task = made(values)
    every = task.bank.rows(list(range(8)))
    for step in range(4):
        batch = task.batch(step, 0, 1)
        for pixels, teacher in zip(batch.pixels, batch.teacher, strict=True):
            mirrored = every.teacher.unflatten(1, (4, 4)).flip(2).flatten(1, 2)
            plain = [i for i in range(8) if torch.equal(every.pixels[i], pixels)]
            turned = [i for i in range(8) if torch.equal(every.pixels[i].flip(2), pixels)]
            aims = [every.teacher[i] for i in plain] + [mirrored[i] for i in turned]
            assert any(torch.equal(teacher, aim) for aim in aims)


def test_the_pixel_decoder_may_read_less_noise(values: dict[str, Any]) -> None:
    errors = {}
    for noise in (0.01, 0.3, 1.0):
        torch.manual_seed(0)
        task = TokenizeTask(values | {"pixels": "noisy", "pixel_noise": noise, "mask": [0.0, 0.0]}, seed=0)
        task.prepare(lambda words: None)
        batch = task.batch(0, 0, 1)
        with torch.no_grad():
            errors[noise] = float(task.module(batch)[1]["semantic"]), task.module(batch)[0].sum().item()
    assert len({semantic for semantic, _ in errors.values()}) == 1  # what the other decoder reads stays as it was
    assert len({whole for _, whole in errors.values()}) == 3
    with pytest.raises(InputError, match="pixel_noise"):
        TokenizeTask(values | {"pixel_noise": 0.0}, seed=0)


def test_noise_is_as_wide_as_the_latents(values: dict[str, Any]) -> None:
    """The narrowest width studied, 4 channels, has shift 1; 16 channels twice that."""
    assert made(values, network={**values["network"], "channels": 4}).schedule.shift == 1
    assert made(values, network={**values["network"], "channels": 16}).schedule.shift == 2


def test_export_keeps_statistics_and_the_decoder_stage_keeps_the_encoder(
    values: dict[str, Any], tmp_path: Path
) -> None:
    task = made(values)
    trained(task, 5)
    first = task.export(task.module, tmp_path / "first", FACTS)
    tokenizer = lucida.load(str(first), device="cpu")
    mean, std = measure_statistics(task.module.network, task.bank, range(8))
    assert torch.allclose(tokenizer.network.get_buffer("latent_mean"), mean, atol=1e-5)
    assert torch.allclose(tokenizer.network.get_buffer("latent_std"), std, atol=1e-5)
    assert "CC BY-SA" in load_model_files(first).card

    tuned = made(values, stage="decoder", start=str(first))
    losses = trained(tuned, 12)
    assert losses[-1] < losses[0]
    second = lucida.load(str(tuned.export(tuned.module, tmp_path / "second", FACTS)), device="cpu")
    picture = [(np.random.default_rng(0).random((20, 30, 3)) * 255).astype(np.uint8)]
    assert torch.equal(second.tokenize(picture), tokenizer.tokenize(picture))  # bit for bit
    a, b = (t.detokenize(tokenizer.tokenize(picture))[0].pixels for t in (tokenizer, second))
    assert not np.array_equal(a, b)
    with pytest.raises(InputError, match="stage: decoder needs start"):
        made(values, stage="decoder")


def test_probe_numbers(values: dict[str, Any]) -> None:
    task = made(values)
    numbers = task.probe(task.module)
    assert {"psnr", "ssim", "object_noun_0", "object_noun_0.6", "token_noun_0"} <= set(numbers)
    assert all(np.isfinite(value) for value in numbers.values())


def test_linear_reader() -> None:
    """Separable classes are read; noise is not; a class never fitted on is wrong."""
    torch.manual_seed(0)
    y = torch.randint(0, 3, (400,))
    x = torch.nn.functional.one_hot(y, 3).float() + 0.1 * torch.randn(400, 3)
    assert linear_accuracy([x[:200], x[200:]], [y[:200], y[200:]]) > 0.99
    assert linear_accuracy([torch.randn(200, 3), x[200:]], [y[:200], y[200:]]) < 0.6
    assert linear_accuracy([x[:200], x[200:]], [y[:200], y[200:] + 3]) == 0


def test_normalised_probes_do_not_reward_large_latents(values: dict[str, Any]) -> None:
    """Ten times larger latents: the same curve where they are normalised, a flatter one where they are raw (P9)."""
    task = made(values)
    net = task.module.network
    level = (0.8,)

    def curve(raw: bool) -> float:
        return probe_path(net, task.bank, task.bank, levels=level, fitted=8, tested=8, raw=raw)[
            "object_noun"
        ][0.8]

    before, before_raw = curve(False), curve(True)
    with torch.no_grad():
        net.latent.weight[:6] *= 100
        net.latent.bias[:6] *= 100
    assert curve(False) == pytest.approx(before, abs=1e-6)
    assert curve(True) > before_raw
