"""A training-time loss on where the words that name another thing look.

When a caption says "left of a red fox", its slots need one of the region's four side tokens ("left" to know that
somebody stands there at all, "red fox" to know who), and the world knows which. Left to the captions' loss alone, the
masked model learned what the side tokens hold (``grounding``) long before its slots learned to read them: it named
itself, or whatever stood in the picture. Here one head of two blocks is told where to look: minus the logarithm of the
weight that a guided slot gives to the right side token. Questions about one region's side are guided alike, and so are
the words of a name that a caption copies from its region's first hint: each looks at its own word there.
Guided attention is known from translation (Mi et al. 2016) and speech (Tachibana et al. 2018). Nothing of it is left
in the model that is shipped. Both the diffusion model and its twin get it.

Shape legend: P pictures, G groups, W draws, A slots, H heads, K head width.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from lucida.canvas.span import Span
from lucida.canvas.vocabulary import Vocabulary
from lucida.models.canvas_transformer import CanvasTransformer
from lucida.nn.attention import Segment, attention_weights
from lucida.nn.blocks import Block
from lucida.systems.describe.layout import SIDE_WORDS
from lucida.world.language import facts
from lucida.world.records import Scene

_SIDE = re.compile(rf"\b({'|'.join(SIDE_WORDS)})(?: of)? <1>")
# Queries (P, G, W, H, A, K) of each watched block, and what they look at.
Looks = list[tuple[Tensor, Sequence[Segment]]]
HEAD = 0
UNGUIDED = -1
NEAR = 4  # "left of a": how far before the other thing its relation may stand


@contextmanager
def watched(network: CanvasTransformer, layers: Sequence[int]) -> Iterator[Looks]:
    """Gathers the queries of some blocks, and the keys they look at, while the network reads."""
    seen: Looks = []

    def keep(_module: nn.Module, arguments: tuple[Tensor, Sequence[Segment]]) -> None:
        seen.append(arguments)

    blocks = [cast(Block, network.blocks[layer]) for layer in layers]
    hooks = [block.attention.register_forward_pre_hook(keep) for block in blocks]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def guide_loss(seen: Looks, guide: Tensor) -> Tensor:
    """Mean over guided slots and watched blocks of -log of the weight on the right token (a scalar).

    Args:
        seen: reads of answers over two memories, the context and the given part.
        guide: (P, G, A) which token of its group's given part a slot should look at, ``UNGUIDED`` for any.
    """
    total = torch.zeros((), device=guide.device)
    guided = guide != UNGUIDED
    if not bool(guided.any()):
        return total
    for queries, segments in seen:
        weights = attention_weights(queries[..., HEAD : HEAD + 1, :, :], [_one_head(s) for s in segments]).squeeze(-3)
        place = (segments[0].k.shape[-2] + guide.clamp_min(0))[:, :, None, :, None]
        right = weights.gather(-1, place.expand(*weights.shape[:-1], 1)).squeeze(-1)  # (P, G, W, A)
        total = total - right[guided.unsqueeze(2).expand_as(right)].float().clamp_min(1e-6).log().mean()
    return total / len(seen)


def _one_head(segment: Segment) -> Segment:
    bias = segment.bias
    if bias is not None and bias.shape[-3] > 1:
        bias = bias[..., HEAD : HEAD + 1, :, :]
    one = slice(HEAD, HEAD + 1)
    return replace(segment, k=segment.k[..., one, :, :], v=segment.v[..., one, :, :], bias=bias)


def other_slots(scene: Scene, i: int, ids: Sequence[int], vocabulary: Vocabulary) -> tuple[str, range] | None:
    """The relation that a caption of object ``i`` ends with, and the slots that state it, or None.

    The slots begin with the relation's own word where it stands close by, else with the other thing's words.

    Args:
        ids: of the answer without its end token.
    """
    stated = facts(scene, i, related=True)
    if stated.relation is None or stated.other_noun is None:
        return None
    words = " ".join(filter(None, (stated.other_colour, stated.other_noun)))
    tail = vocabulary.encode(words)
    if list(ids[-len(tail) :]) != tail:
        return None
    named = len(ids) - len(tail)
    word = vocabulary.encode(stated.relation)[0]
    close = [n for n in range(max(named - NEAR, 0), named) if ids[n] == word]
    return stated.relation, range(close[-1] if close else named, len(ids))


def asked_side(request: str, words: int) -> tuple[int, range] | None:
    """Which side (of ``SIDE_WORDS``) a question about one region asks for, and the answer's slots, or None."""
    sides = _SIDE.findall(request)
    if len(sides) != 1 or "<2>" in request:
        return None
    return SIDE_WORDS.index(sides[0]), range(words)


def copied_hint(given: Sequence[Span], ids: Sequence[int], vocabulary: Vocabulary) -> dict[int, int]:
    """Slot to column of the words that an answer shares with the first hint of its group, where it names it whole."""
    at, markers = 0, {vocabulary.hint(tenth / 10) for tenth in range(10)}
    for span in given:
        if span.name == "hint":
            words = list(itertools.takewhile(lambda i: i not in markers, span.ids.tolist()[1:]))
            for first in range(len(ids) - len(words) + 1):
                if words and list(ids[first : first + len(words)]) == words:
                    return {first + n: at + 1 + n for n in range(len(words))}
            return {}
        at += len(span)
    return {}
