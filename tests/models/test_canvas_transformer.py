"""The network by itself: reading in parts is reading at once, features and boxes land where they belong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.canvas.tokens import Memory, Tokens
from lucida.models.canvas_transformer import CanvasTransformer, CanvasTransformerConfig

CONFIG = CanvasTransformerConfig(
    vocabulary=50, width=32, layers=2, heads=2, hidden=48, modalities={"cell": 8, "cover": 3}
)


def network(**settings_) -> CanvasTransformer:
    torch.manual_seed(0)
    model = CanvasTransformer(replace(CONFIG, **settings_))
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=1.3 * parameter.shape[1] ** -0.5)
    return model.eval().requires_grad_(False)


def tokens(*shape: int, start: int = 0, seed: int = 0) -> Tokens:
    g = torch.Generator().manual_seed(seed)
    return Tokens(
        ids=torch.randint(0, 50, shape, generator=g),
        positions=torch.arange(start, start + shape[-1]).expand(shape),
        valid=torch.ones(shape, dtype=torch.bool),
    )


def joined(*parts: Tokens) -> Tokens:
    """Parts of one batch shape, one after the other."""
    return Tokens(
        ids=torch.cat([p.ids for p in parts], dim=-1),
        positions=torch.cat([p.positions for p in parts], dim=-1),
        valid=torch.cat([p.valid for p in parts], dim=-1),
    )


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(0, 99), st.booleans())
@settings(max_examples=20)
def test_reading_in_parts(lengths: list[int], seed: int, join: bool) -> None:
    """Each part sees itself and all before it: read with memories, as separate ones or extended into one."""
    model, at, parts = network(), 0, []
    for n, length in enumerate(lengths):
        parts.append(tokens(3, length, start=at, seed=seed + n))
        at += length
    part = torch.cat([torch.full((n,), i) for i, n in enumerate(lengths)])
    expected, _ = model.read(joined(*parts), (), part[:, None] >= part[None, :])
    memories: list[Memory] = []
    found = []
    for one in parts:
        hidden, memory = model.read(one, memories)
        found.append(hidden)
        memories = [memories[0].extended(memory)] if join and memories else [*memories, memory]
    assert torch.allclose(torch.cat(found, dim=1), expected, atol=1e-4)


def test_memories_of_fewer_batch_dimensions() -> None:
    """A picture's memory serves its groups and their draws without being copied."""
    model = network()
    context, given, answers = tokens(2, 4), tokens(2, 3, 2, start=4, seed=1), tokens(2, 3, 5, 3, start=6, seed=2)
    _, c = model.read(context)
    _, g = model.read(given, (c,))
    found, _ = model.read(answers, (c, g))
    spread = (torch.arange(2)[:, None, None].expand(2, 3, 5), torch.arange(3)[None, :, None].expand(2, 3, 5))
    copied = c.gather(spread[:1]), g.gather(spread)
    expected, _ = model.read(answers, copied)
    assert torch.allclose(found, expected, atol=1e-5)


def test_padding_is_never_seen() -> None:
    model, one = network(), tokens(1, 6)
    valid = torch.tensor([[True, True, False, True, True, False]])
    a, memory = model.read(replace(one, valid=valid))
    b, other = model.read(replace(one, valid=valid, ids=torch.where(valid, one.ids, 7)))
    assert torch.equal(a[valid], b[valid])
    later = tokens(1, 2, start=6, seed=1)
    assert torch.equal(model.read(later, (memory,))[0], model.read(later, (other,))[0])
    short = Tokens(ids=one.ids[valid][None], positions=one.positions[valid][None], valid=valid[valid][None])
    assert torch.allclose(a[valid], model.read(short)[0][0], atol=1e-4)


def test_memory_columns() -> None:
    model = network()
    causal = torch.ones(5, 5).tril().bool()
    one = tokens(2, 5)
    _, memory = model.read(one, (), causal)
    first = Tokens(ids=one.ids[:, :3], positions=one.positions[:, :3], valid=one.valid[:, :3])
    _, short = model.read(first, (), causal[:3, :3])
    assert memory.columns(3).valid.shape == (2, 3)
    for (k, v), (k2, v2) in zip(memory.columns(3).layers, short.layers, strict=True):
        assert torch.allclose(k, k2, atol=1e-5) and torch.allclose(v, v2, atol=1e-5)


def test_features_and_boxes_land_on_their_tokens() -> None:
    """Added to exactly the tokens named by the flat index, through the projection of their modality."""
    model, plain = network(), tokens(2, 3)
    cells, cover = torch.randn(2, 8), torch.randn(1, 3)
    boxes, boxed = torch.rand(2, 3, 4), torch.tensor([[False, True, False], [True, False, False]])
    one = replace(
        plain, boxes=boxes, boxed=boxed,
        features={"cell": (torch.tensor([0, 4]), cells), "cover": (torch.tensor([4]), cover)},
    )  # fmt: skip
    extra = (model.embedded(one) - model.embedded(plain)).view(6, -1)
    expected = torch.zeros(6, 32)
    expected[0] += model.project["cell"](cells[0])
    expected[4] += model.project["cell"](cells[1]) + model.project["cover"](cover[0])
    expected[1] += model.place(boxes[0, 1])
    expected[3] += model.place(boxes[1, 0])
    assert torch.allclose(extra, expected, atol=1e-5)
    with pytest.raises(ValueError, match="no modality 'sound'"):
        model.embedded(replace(plain, features={"sound": (torch.tensor([0]), cells[:1])}))


def test_cover_is_a_bias_on_the_context() -> None:
    """Equal cover changes nothing; a cover of one cell, strong enough, leaves that cell alone to be seen."""
    model = network()
    model.cover_scale.fill_(1e4)
    _, context = model.read(tokens(1, 4))
    context = replace(context, context=True)
    one = tokens(1, 2, start=4, seed=3)
    plain, _ = model.read(one, (context,), torch.eye(2, dtype=torch.bool))
    nothing, _ = model.read(replace(one, cover=torch.zeros(1, 2, 4)), (context,), torch.eye(2, dtype=torch.bool))
    assert torch.equal(plain, nothing)
    cell = torch.tensor([0.0, 0.0, 1.0, 0.0]).expand(1, 2, 4)
    found, _ = model.read(replace(one, cover=cell), (context,), torch.eye(2, dtype=torch.bool))
    only = Memory(layers=tuple((k[:, :, 2:3], v[:, :, 2:3]) for k, v in context.layers), valid=context.valid[:, 2:3])
    # With the others hidden and its own key outweighed, all attention is on the cell, whatever the query.
    expected, _ = model.read(one, (replace(only, context=True),), torch.zeros(2, 2, dtype=torch.bool))
    assert torch.allclose(found, expected, atol=1e-4)
    blind = network(cover_bias=False)
    a, b = (blind.read(x, (context,))[0] for x in (one, replace(one, cover=cell)))
    assert torch.equal(a, b) and not blind.cover_scale.requires_grad


def test_cover_is_for_the_context_alone() -> None:
    """A memory that is not the context gets no bias."""
    model = network()
    _, memory = model.read(tokens(1, 4))
    one = tokens(1, 2, start=4, seed=3)
    cover = torch.rand(1, 2, 4)
    a, b = (model.read(x, (memory,))[0] for x in (one, replace(one, cover=cover)))
    assert torch.equal(a, b)


def test_logits_of_the_allowed_ids() -> None:
    """The embedding table is the output layer, scaled by 8 / sqrt(width); only the allowed rows."""
    model, hidden, allowed = network(), torch.randn(2, 3, 32), torch.tensor([3, 7, 40])
    found = model.logits(hidden, allowed)
    assert torch.allclose(found, hidden @ model.embed.weight[allowed].T * 8 / 32**0.5, atol=1e-5)


def test_size_is_configuration() -> None:
    model = CanvasTransformer(CONFIG)
    assert model.parameters_count == sum(p.numel() for p in model.parameters())
    names = {n.split(".")[0] for n, _ in model.named_parameters()}
    assert names == {"embed", "project", "place", "blocks", "norm", "cover_scale"}
    assert CanvasTransformer(replace(CONFIG, layers=5)).cover_scale.shape == (5, 2, 1, 1)


def test_tokens_move_with_the_network() -> None:
    """Canvases are compiled on the CPU; the network takes them to where its weights are."""
    one = replace(
        tokens(1, 3), features={"cell": (torch.tensor([1]), torch.randn(1, 8))}, cover=torch.rand(1, 3, 2),
        boxes=torch.rand(1, 3, 4), boxed=torch.ones(1, 3, dtype=torch.bool),
    )  # fmt: skip
    assert one.to(torch.device("cpu")) is one
    moved = one.to(torch.device("meta"))
    tensors = [moved.ids, moved.positions, moved.valid, moved.cover, moved.boxes, moved.boxed, *moved.features["cell"]]
    assert all(t is not None and t.device.type == "meta" for t in tensors)


def test_every_weight_gets_a_gradient() -> None:
    model = CanvasTransformer(CONFIG)
    _, context = model.read(
        replace(tokens(1, 4), features={m: (torch.arange(2), torch.randn(2, c)) for m, c in CONFIG.modalities.items()},
                boxes=torch.rand(1, 4, 4), boxed=torch.ones(1, 4, dtype=torch.bool))
    )  # fmt: skip
    one = replace(tokens(1, 3, start=4, seed=1), cover=torch.rand(1, 3, 4))
    hidden, _ = model.read(one, (replace(context, context=True),))
    model.logits(hidden, torch.arange(50)).logsumexp(dim=-1).sum().backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missing
