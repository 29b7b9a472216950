"""A tiny network whose logits are not flat, and random canvases of every kind, for the tests of the canvas engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from lucida.canvas.compiling import dense, fold
from lucida.canvas.decoding import Decoded, decode
from lucida.canvas.plan import Plan
from lucida.canvas.sessions import DenseSession, FoldedSession
from lucida.canvas.span import Canvas, Role, Span, Visibility
from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.models.canvas_transformer import CanvasTransformer, CanvasTransformerConfig

VOCABULARY = Vocabulary(VocabularyConfig(image_codes=7))
MASK, END = VOCABULARY.mask, VOCABULARY.end
WORDS = "null+answer+hint0+hint1+hint2+end"  # six ids, so that answers end early now and then
ENDLESS = "null+answer+hint0+hint1+hint2"
CODES = "image"
CHANNELS = 8


@lru_cache
def network(seed: int = 1) -> CanvasTransformer:
    """Width 32, two layers. Weights are large, so that probabilities are far from uniform."""
    config = CanvasTransformerConfig(
        vocabulary=len(VOCABULARY), width=32, layers=2, heads=2, hidden=48, modalities={"cell": CHANNELS}
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CanvasTransformer(config)
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                scale = 0.5 if name.startswith("embed") else 1.3 * parameter.shape[1] ** -0.5
                torch.nn.init.normal_(parameter, std=scale)
            elif name == "cover_scale":
                torch.nn.init.normal_(parameter, mean=1.0)
        with torch.no_grad():
            model.embed.weight[END] *= 1.7  # ends come often
    return model.requires_grad_(False).eval()


@dataclass(frozen=True)
class Shape:
    """Lengths of the spans of a canvas, and whether regions have covers. ``groups``: (given, answers) of each."""

    picture: int
    instruction: int
    groups: tuple[tuple[int, tuple[int, ...]], ...]
    cover: bool


def shapes(*, groups: int = 4, answers: int = 2, slots: int = 7) -> st.SearchStrategy[Shape]:
    """Canvases of up to so many groups, answer spans per group, and slots per span."""
    group = st.tuples(
        st.integers(0, 4), st.lists(st.integers(1, slots), min_size=1, max_size=answers).map(tuple)
    )
    return st.builds(
        Shape,
        picture=st.integers(1, 6),
        instruction=st.integers(0, 2),
        groups=st.lists(group, min_size=1, max_size=groups).map(tuple),
        cover=st.booleans(),
    )


SEEDS = st.integers(0, 10_000)
# The type checker looks at one random element of a plan's counts, also where hypothesis builds the plan.
BUILDS_PLANS = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


def draw(n: int, generator: torch.Generator, allowed: str = WORDS) -> Tensor:
    """(n,) random ids."""
    ids = VOCABULARY.allowed(allowed)
    return ids[torch.randint(len(ids), (n,), generator=generator)]


def boxes(n: int, generator: torch.Generator) -> Tensor:
    """(n, 4) random boxes."""
    corners = torch.rand(n, 2, 2, generator=generator).sort(dim=1).values
    return corners.flatten(1)


def canvas(
    shape: Shape,
    seed: int,
    visibility: Visibility = "strict",
    plans: Sequence[Plan] = (Plan(),),
    allowed: Sequence[str] = (WORDS,),
    *,
    written: float = 0.0,
) -> Canvas:
    """A canvas of random content.

    The n-th answer span of a group has ``plans[n % len(plans)]`` and ``allowed[n % len(allowed)]``; a share ``written``
    of its slots holds given tokens, the rest masks.
    """
    g = torch.Generator().manual_seed(seed)
    n = shape.picture
    spans = [
        Span(role=Role.CONTEXT, name="picture", ids=draw(n, g), modality="cell", boxes=boxes(n, g), position="stay",
             features=torch.randn(n, CHANNELS, generator=g)),
    ]  # fmt: skip
    if shape.instruction:
        spans.append(Span(role=Role.CONTEXT, name="instruction", ids=draw(shape.instruction, g)))
    for number, (given, answers) in enumerate(shape.groups):
        cover = torch.rand(n, generator=g) if shape.cover else None
        if given:
            spans.append(
                Span(role=Role.GIVEN, group=number, name="region", ids=draw(given, g), modality="cell",
                     boxes=boxes(given, g), features=torch.randn(given, CHANNELS, generator=g), cover=cover,
                     position="stay" if given % 2 else "sequence"),
            )  # fmt: skip
        for k, length in enumerate(answers):
            kind = allowed[k % len(allowed)]
            keep = torch.rand(length, generator=g) < written
            ids = torch.where(keep, draw(length, g, kind.removesuffix("+end")), MASK)
            spans.append(Span(role=Role.ANSWER, group=number, name=f"answer{k}", ids=ids, cover=cover, allowed=kind,
                              plan=plans[k % len(plans)]))  # fmt: skip
    keys = tuple(f"region {seed} {i}" for i in range(len(shape.groups)))
    return Canvas(spans=tuple(spans), visibility=visibility, keys=keys)


def regrouped(original: Canvas, order: Sequence[int]) -> Canvas:
    """The same canvas with only these groups, in this order."""
    spans = list(original.context)
    for new, old in enumerate(order):
        spans += [replace(s, group=new) for role in (Role.GIVEN, Role.ANSWER) for s in original.part(old, role)]
    return replace(original, spans=tuple(spans), keys=tuple(original.key(g) for g in order))


def folded_session(*canvases: Canvas, model: CanvasTransformer | None = None) -> FoldedSession:
    """A session over canvases of a foldable visibility."""
    return FoldedSession(model or network(), fold(canvases, mask=MASK), VOCABULARY)


def dense_session(one: Canvas, model: CanvasTransformer | None = None) -> DenseSession:
    """A session over one canvas of any visibility."""
    return DenseSession(model or network(), dense(one, mask=MASK), VOCABULARY)


def run_folded(*canvases: Canvas, **settings) -> Decoded:
    """Decode canvases together."""
    return decode(folded_session(*canvases), VOCABULARY, **settings)


def run_dense(one: Canvas, **settings) -> Decoded:
    """Decode one canvas as one sequence."""
    return decode(dense_session(one), VOCABULARY, **settings)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-4) -> bool:
    """Largest difference relative to the largest value."""
    return float((a - b).abs().max()) <= tolerance * float(b.abs().max().clamp_min(1e-6))


def plans(*, temperature: float = 0.0, revisable: bool = False) -> st.SearchStrategy[Plan]:
    """Every law, order, window and block size."""
    common = {
        "steps": st.integers(1, 7),
        "window": st.sampled_from([(0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.3, 0.8)]),
        "tail": st.sampled_from([0.3, 0.6, 2.0]),
        "temperature": st.just(temperature),
    }
    if revisable:
        return st.builds(Plan, **common, revisable=st.just(True), law=st.sampled_from(["linear", "cosine"]))
    return st.builds(
        Plan,
        **common,
        order=st.sampled_from(["confidence", "block", "left-to-right"]),
        law=st.sampled_from(["linear", "cosine", "counts", "threshold", "factor"]),
        counts=st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple),
        threshold=st.sampled_from([0.3, 0.6, 0.9]),
        factor=st.sampled_from([0.5, 1.0, 2.0]),
        block=st.integers(1, 4),
    )


def flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Rows one after the other."""
    return [x for row in rows for x in row]
