"""Training: every arm learns, void never counts, batches follow from the step, the leak is shown and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lucida.flow.codes import VOID, CodeConfig, decode_codes, make_codes
from lucida.flow.path import mix
from lucida.media.errors import InputError
from lucida.systems.segment.bank import Sights
from lucida.systems.segment.evaluation import auroc, evaluate
from lucida.systems.segment.task import FLOWS, Batch, SegmentModule, SegmentTask
from tests.systems.tiny import FACTS

NETWORK = {
    "width": 48,
    "layers": 1,
    "heads": 2,
    "hidden": 96,
    "head_layers": 1,
    "pixel": 12,
    "pixel_layers": 1,
}
SMALL: dict[str, Any] = {
    "network": NETWORK,
    "labels": {"nouns": ["fox", "car", "tree"], "others": 1},
    "sight": {"side": 64, "stride": 4},
    "bank": {"count": 6},
    "codes": {"width": 3, "kind": "grid"},
    "scenes": 4,
    "draws": 2,
    "probe": 4,
    "probe_steps": [1, 2],
}


@pytest.fixture(scope="module", autouse=True)
def _threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def task(home: Path) -> SegmentTask:
    return made()


def made(**values: Any) -> SegmentTask:
    torch.manual_seed(0)
    task = SegmentTask(SMALL | values, seed=0)
    task.prepare(lambda words: None)
    return task


def fit(module: SegmentModule, batches: list[Batch], steps: int, rate: float = 4e-3) -> list[float]:
    optimiser = torch.optim.AdamW(module.parameters(), rate)
    losses = []
    for step in range(steps):
        loss = module(batches[step % len(batches)])[0].mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("arm", ["vanilla", "static", "annealed", "twin", "metric"])
def test_every_arm_learns_four_scenes(arm: str, home: Path) -> None:
    task = made(arm=arm, bank={"count": 4})
    task.held_out = task.bank
    before = task.probe(task.module)
    fit(task.module, [task.batch(step, 0, 1) for step in range(20)], 100)
    after = task.probe(task.module)
    key = "accuracy_2" if arm in FLOWS else "accuracy_1"
    assert after[key] > before[key] + 0.3 and after[key] > 0.6, (before, after)
    assert ("miou_2" in after) == (arm in FLOWS)


def test_void_pixels_change_nothing(task: SegmentTask) -> None:
    batch = task.batch(0, 0, 1)
    labels = batch.sights.labels.clone()
    labels[:, :8] = VOID
    voided = Batch(Sights(batch.sights.image, batch.sights.cells, labels), batch.levels, batch.noise)
    before = task.module(voided)[0]
    assert batch.noise is not None and torch.isfinite(before).all()
    with torch.no_grad():  # where nothing is scored, no code may be looked up: the state there is all noise
        every = Batch(Sights(batch.sights.image, batch.sights.cells, torch.full_like(labels, VOID)), batch.levels,
                      batch.noise)  # fmt: skip
        assert task.module(every)[0].tolist() == [0.0] * 4
    before.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in task.module.parameters())


def test_batches_are_functions_of_the_step_and_shares_are_parts(task: SegmentTask) -> None:
    one, again = task.batch(3, 0, 1), task.batch(3, 0, 1)
    assert torch.equal(one.sights.image, again.sights.image)
    assert one.noise is not None and again.noise is not None and torch.equal(one.noise, again.noise)
    half = SegmentTask(SMALL | {"scenes": 2}, seed=0)
    parts = [half.batch(3, rank, 2) for rank in (0, 1)]
    assert torch.equal(one.sights.labels, torch.cat([p.sights.labels for p in parts]))
    assert torch.equal(one.noise, torch.cat([p.noise for p in parts if p.noise is not None]))
    assert one.levels is not None
    assert torch.equal(one.levels, torch.cat([p.levels for p in parts if p.levels is not None]))


def test_arms_share_weights_data_and_noise(home: Path) -> None:
    plain, bent = made(arm="vanilla"), made(arm="static")
    pairs = zip(plain.module.state_dict().values(), bent.module.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    a, b = plain.batch(5, 0, 1), bent.batch(5, 0, 1)
    assert a.noise is not None and b.noise is not None and torch.equal(a.noise, b.noise)


def test_the_leak_of_image_as_source_and_condition() -> None:
    """x_τ, τ and the picture give the code at every τ < 1, whatever the labels: here they are drawn at random.

    With noise as source, what the same arithmetic leaves is the noise, and the labels stay unknown.
    """
    g = torch.Generator().manual_seed(0)
    codes = make_codes(CodeConfig(classes=64, width=3))
    labels = torch.randint(64, (2, 32, 32), generator=g)
    image = torch.rand(2, 32, 32, 3, generator=g) * 2 - 1
    for level in (0.1, 0.5, 0.9):
        tau = torch.full((2,), level)
        copied = (mix(codes[labels], image, tau) - level * image) / (1 - level)
        assert (decode_codes(copied, codes)[0] == labels).float().mean() > 0.999
    noisy = mix(codes[labels], torch.randn(2, 32, 32, 3, generator=g), torch.full((2,), 0.9))
    guessed = (noisy - 0.9 * image) / 0.1
    assert (decode_codes(guessed, codes)[0] == labels).float().mean() < 0.1


def test_the_leaking_pair_is_trained_only_when_asked_for(home: Path) -> None:
    """Labels that are nowhere in the picture: with the leak the loss falls far below what noise start can reach."""
    with pytest.raises(InputError, match="leaks the truth"):
        SegmentTask(SMALL | {"source": "image"}, seed=0)
    with pytest.raises(InputError, match=r"wants codes\.width 3"):
        SegmentTask(SMALL | {"source": "image", "condition": False, "codes": {"width": 8}}, seed=0)
    residual = {}
    for source in ("image", "noise"):
        task = made(arm="vanilla", source=source, leak=True, draws=1)
        batches = []
        for step in range(20):
            batch = task.batch(step, 0, 1)
            g = torch.Generator().manual_seed(step)
            labels = torch.randint(8, batch.sights.labels.shape, generator=g)
            assert batch.levels is not None
            batches.append(Batch(Sights(batch.sights.image, batch.sights.cells, labels), batch.levels * 0 + 0.7,
                                 batch.noise))  # fmt: skip
        fit(task.module, batches, 80)
        residual[source] = float(torch.stack([task.module(batch)[1]["residual"] for batch in batches]).mean())
    assert residual["image"] < 0.6 * residual["noise"], residual


def test_hidden_pictures_are_hidden(home: Path) -> None:
    task = made(arm="vanilla", source="image", condition=False)
    sights = task.bank.sights(range(2))
    seen = task.module.look(sights)
    assert torch.equal(seen.tokens[0], seen.tokens[1]) and torch.equal(seen.local[0], seen.local[1])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"arm": "best"}, "arm: want one of vanilla"),
        ({"network": {"state": 3}}, "state follows from the other settings"),
        ({"scenes": 0}, "scenes, draws and probe_steps"),
        ({"arm": "twin", "condition": False}, "wants condition: true"),
        ({"codes": {"width": 0}}, "width >= 1"),
        ({"bank": {"count": 0}}, "count and photo_every >= 1"),
        ({"network": {"wings": 2}}, "no setting 'wings'"),
    ],
)
def test_bad_recipes_are_named(values: dict[str, Any], words: str, home: Path) -> None:
    with pytest.raises(InputError, match=words):
        SegmentTask(SMALL | values, seed=0)


def test_a_flow_begins_with_its_twins_trunk(home: Path, tmp_path: Path) -> None:
    twin = made(arm="twin")
    with torch.no_grad():
        for p in twin.module.parameters():
            p.add_(0.125)
    folder = str(twin.export(twin.module, tmp_path / "twin", FACTS))
    flow = made(arm="static", start=folder)
    own, other = flow.module.network.state_dict(), twin.module.network.state_dict()
    assert torch.allclose(own["embed.weight"], other["embed.weight"], atol=2e-3)
    assert own["out.weight"].shape != other["out.weight"].shape and "state.weight" not in other
    again = made(arm="twin", start=folder, start_without=("out.",)).module.network.state_dict()
    assert not torch.allclose(again["out.weight"], other["out.weight"], atol=0.05)
    with pytest.raises(InputError, match="has another trunk: embed"):
        made(arm="static", start=folder, network=NETWORK | {"width": 64})


def test_evaluation_repeats_and_reads_the_unknown(task: SegmentTask) -> None:
    first = evaluate(task.module, task.held_out, (1, 2))
    assert first == evaluate(task.module, task.held_out, (1, 2))
    assert {"miou_1", "miou_2", "boundary_1", "third_2"} <= set(first)
    import numpy as np

    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auroc(np.array([1.0]), np.array([1.0, 0.0])) == 0.75
