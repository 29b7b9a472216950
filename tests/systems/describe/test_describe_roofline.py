"""The roofline's arithmetic against values worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.roofline import Accelerator, Model, Task, crossover, diffusion, seconds, twin

MODEL = Model(layers=2, width=4, hidden=8, vocabulary=10)
CHIP = Accelerator(flops=1000.0, bandwidth=100.0, flops_share=1.0, bandwidth_share=1.0)
TASK = Task(context=6, given=2, slots=4, words=4, mean_words=4)


def test_a_pass_by_hand() -> None:
    """Layers 2 (4*16 + 3*32) = 320 weights, head 40. Two tokens that see 3 keys: 2*2*(320 + 2*2*4*3) + 2*2*40 FLOP."""
    assert (MODEL.matrices, MODEL.head) == (320, 40)
    took, bound = seconds(2, 3, 5, 2, MODEL, CHIP)
    flop, traffic = 2 * 2 * (320 + 48) + 160, 2 * (320 + 40 + 2 * 2 * 4 * 5)
    assert (flop, traffic) == (1632, 880)
    assert (took, bound) == (pytest.approx(8.8), "traffic")
    assert seconds(200, 3, 5, 2, MODEL, CHIP)[1] == "arithmetic"


def test_passes_add_up_and_rows_leave() -> None:
    assert diffusion(3, 4, MODEL, TASK, CHIP) == pytest.approx(4 * diffusion(3, 1, MODEL, TASK, CHIP))
    early = Task(context=6, given=2, slots=4, words=4, mean_words=3)
    assert twin(64, MODEL, early, CHIP) < twin(64, MODEL, TASK, CHIP)
    assert twin(8, MODEL, TASK, CHIP, shared=False) > twin(8, MODEL, TASK, CHIP)


def test_fewer_passes_pay_longer() -> None:
    found = [crossover(k, Model(), Task(), Accelerator()) for k in (1, 2, 4, 8)]
    assert found == sorted(found, reverse=True) and found[-1] > 0
