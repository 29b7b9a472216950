"""The key/value memory against full recomputation (facts 5.6)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lucida.media.errors import InputError
from lucida.watch.memory.kv import KvConfig, KvMemory, Positions
from lucida.watch.memory.kv_model import KvReader, ReaderConfig
from lucida.watch.memory.kv_policies import POLICIES

FRAME, FRAMES, BATCH = 4, 12, 3
SIZES = {"layers": 2, "heads": 2, "width": 16, "frame": FRAME}


@pytest.fixture(scope="module")
def model() -> KvReader:
    torch.manual_seed(0)
    return KvReader(ReaderConfig(vocabulary=40, width=32)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def words() -> Tensor:
    return torch.randint(40, (BATCH, FRAMES * FRAME, 2), generator=torch.Generator().manual_seed(1))


def read_all(model: KvReader, words: Tensor, memory: KvMemory) -> Tensor:
    steps = [model.step(words[:, i : i + FRAME], memory, i) for i in range(0, words.shape[1], FRAME)]
    return torch.cat(steps, dim=1)


@pytest.mark.parametrize("positions", ["original", "consecutive"])
def test_rotating_at_read_equals_full_recomputation(
    model: KvReader, words: Tensor, positions: Positions
) -> None:
    memory = KvMemory(KvConfig(**SIZES, positions=positions))
    torch.testing.assert_close(read_all(model, words, memory), model(words), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", POLICIES)
def test_a_budget_of_the_whole_length_changes_no_bit(model: KvReader, words: Tensor, name: str) -> None:
    full = read_all(model, words, KvMemory(KvConfig(**SIZES)))
    memory = KvMemory(KvConfig(**SIZES, tokens=FRAMES * FRAME, sinks=2), POLICIES[name])
    assert torch.equal(read_all(model, words, memory), full)


def test_retrieving_all_blocks_is_full_attention(model: KvReader, words: Tensor) -> None:
    memory = KvMemory(KvConfig(**SIZES, sinks=2))
    read_all(model, words, memory)
    question = words[:, :1]
    full = model.step(question, memory, FRAMES * FRAME, store=False)
    for blocks in (FRAMES, FRAMES + 5):
        read = model.step(question, memory, FRAMES * FRAME, store=False, window=FRAME, blocks=blocks)
        assert torch.equal(read, full)
    fewer = model.step(question, memory, FRAMES * FRAME, store=False, window=FRAME, blocks=2)
    assert not torch.equal(fewer, full)


def test_the_block_with_the_wanted_key_is_the_one_retrieved() -> None:
    memory = KvMemory(KvConfig(**SIZES))
    k = torch.zeros(1, 2, 6 * FRAME, 16)
    k[..., 2 * FRAME + 1, 3] = 5.0  # in the third frame
    memory.write(0, k, k, k, torch.arange(6 * FRAME))
    q = torch.zeros(1, 2, 1, 16)
    q[..., 3] = 1.0
    read = memory.read(0, q, window=FRAME, blocks=1)
    assert read is not None
    assert read.position[0, 0].tolist() == [8, 9, 10, 11, 20, 21, 22, 23]


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("tokens", [11, 16, 24])
def test_bytes_stay_within_the_budget_and_sinks_and_newest_stay(
    model: KvReader, words: Tensor, name: str, tokens: int
) -> None:
    config = KvConfig(**SIZES, tokens=tokens, sinks=3)
    memory = KvMemory(config, POLICIES[name])
    for i in range(0, words.shape[1], FRAME):
        model.step(words[:, i : i + FRAME], memory, i)
        assert memory.sizes().state <= tokens * config.token_bytes
    for held in memory.layers:
        assert held is not None and held.count == tokens
        assert (held.position.diff(dim=-1) > 0).all()  # in the order of the stream, none twice
        assert (held.position[..., :3] == torch.arange(3)).all()
        last = FRAMES * FRAME
        assert (held.position[..., -config.newest :] == torch.arange(last - config.newest, last)).all()


def test_a_question_leaves_no_trace(model: KvReader, words: Tensor) -> None:
    memory = KvMemory(KvConfig(**SIZES, tokens=16), POLICIES["buckets"])
    read_all(model, words, memory)
    before = [held.k.clone() for held in memory.layers if held is not None]
    first = model.step(words[:, :1], memory, 48, store=False)
    assert torch.equal(first, model.step(words[:, :1], memory, 48, store=False))
    assert all(
        torch.equal(a, held.k) for a, held in zip(before, memory.layers, strict=True) if held is not None
    )


def test_distinct_keeps_what_happened_once() -> None:
    torch.manual_seed(0)
    k = torch.randn(1, 2, FRAME, 16).repeat(1, 1, 10, 1)  # ten times the same frame
    k[..., 9, :] = torch.randn(2, 16) * 2
    config = KvConfig(**SIZES, tokens=12)
    memory = KvMemory(config, POLICIES["distinct"])
    for i in range(0, 40, FRAME):
        part = k[..., i : i + FRAME, :]
        memory.write(0, part, part, part, torch.arange(i, i + FRAME))
    held = memory.layers[0]
    assert held is not None and 9 in held.position[0, 0].tolist()


def test_value_norm_decides_the_second_half_of_infinipot() -> None:
    k, v = torch.ones(1, 2, 24, 16), torch.ones(1, 2, 24, 16)
    v[..., 5, :] = 9.0
    memory = KvMemory(KvConfig(**SIZES, tokens=12), POLICIES["infinipot-v"])
    for i in range(0, 24, FRAME):
        part = slice(i, i + FRAME)
        memory.write(0, k[..., part, :], k[..., part, :], v[..., part, :], torch.arange(i, i + FRAME))
    held = memory.layers[0]
    assert held is not None and (held.position == 5).any(dim=-1).all()


def test_the_budget_in_bytes_buys_whole_tokens_and_too_little_is_refused() -> None:
    sizes = {key: SIZES[key] for key in ("layers", "heads", "width")}
    per_token = KvConfig(**SIZES).token_bytes
    assert per_token == 2 * 2 * (8 * 16 + 4)
    assert KvConfig.within(20 * per_token + 7, frame=FRAME, **sizes).tokens == 20
    with pytest.raises(InputError, match="no room"):
        KvConfig.within(3 * per_token, frame=FRAME, **sizes)
    with pytest.raises(InputError, match="policy"):
        KvMemory(KvConfig(**SIZES, tokens=16))
