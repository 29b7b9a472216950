"""How well a describer does on held-out scenes: the reader's attributes, grammar, and the look-up probe.

The look-up probe asks for the *other* object's noun in a relation with everything else given. It isolates reading
another object through the context from all questions of decoding (a pilot's diffusion model could not do it while its
twin could), so it is watched during training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch

from lucida.canvas.compiling import fold
from lucida.canvas.decoding import Decoded, decode
from lucida.canvas.plan import Plan, causal_plan
from lucida.canvas.sessions import FoldedSession
from lucida.canvas.span import Visibility
from lucida.canvas.tokens import CanvasNetwork
from lucida.metrics.reader import read_caption, score_caption
from lucida.systems.describe.bank import Seen
from lucida.systems.describe.layout import REQUEST_REGION, Layout, Request
from lucida.world.grammar import agreed
from lucida.world.language import caption, expected, facts, lexicon


def caption_requests(layout: Layout, seen: Seen, style: int) -> list[Request]:
    """One request per object of a scene, without hints and without answers."""
    slots = layout.config.caption_slots
    return [Request(text=REQUEST_REGION, regions=(r,), slots=slots, style=style) for r in seen.regions]


def decode_scene(
    network: CanvasNetwork,
    layout: Layout,
    seen: Seen,
    requests: Sequence[Request],
    visibility: Visibility,
    plan: Plan | None,
) -> Decoded:
    """Fill a scene's requests in one decode."""
    if visibility == "twin":
        plan = causal_plan(max(r.slots for r in requests))
    canvas = layout.canvas(seen.cells, requests, visibility=visibility, plan=plan)
    session = FoldedSession(network, fold([canvas], mask=layout.vocabulary.mask), layout.vocabulary)
    return decode(session, layout.vocabulary)


def evaluate_captions(
    network: CanvasNetwork,
    layout: Layout,
    scenes: Sequence[Seen],
    visibility: Visibility,
    plan: Plan,
    style: int = 0,
) -> dict[str, float]:
    """Share of captions right in noun, colour, size, place, relation (true of the scene), grammar, and in everything.

    An attribute that the truth does not have is not counted. ``passes`` is the mean over scenes.
    """
    words, hits = lexicon(), defaultdict(list)
    for seen in scenes:
        decoded = decode_scene(network, layout, seen, caption_requests(layout, seen, style), visibility, plan)
        hits["passes"].append(decoded.passes)
        for i, ids in enumerate(decoded.ids):
            read = read_caption(agreed(layout.vocabulary.decode(ids)), words)
            hits["grammar"].append(read.grammar_ok)
            for name, right in score_caption(read, expected(seen.scene, i)).items():
                hits[name].append(right)
    return {name: sum(map(float, values)) / len(values) for name, values in hits.items()}


@torch.inference_mode()
def lookup_probe(
    network: CanvasNetwork, layout: Layout, scenes: Sequence[Seen], visibility: Visibility
) -> dict[str, float]:
    """Share of relation captions in which the other object's noun is read right, all other words given."""
    vocabulary, right = layout.vocabulary, []
    for seen in scenes:
        requests, masks = [], []
        for i, region in enumerate(seen.regions):
            other = facts(seen.scene, i).other_noun
            ids = vocabulary.encode(caption(seen.scene, i, 0))
            tail = vocabulary.encode(other) if other else []
            if not tail or ids[-len(tail) :] != tail:
                continue
            slots = layout.config.caption_slots
            requests.append(Request(text=REQUEST_REGION, regions=(region,), slots=slots, target=tuple(ids)))
            masks.append((len(ids) - len(tail), len(ids)))
        if not requests:
            continue
        folded = fold([layout.canvas(seen.cells, requests, visibility=visibility)], mask=vocabulary.mask)
        session = FoldedSession(network, folded, vocabulary)
        ids, target = folded.slots.ids.clone(), folded.slots.ids
        for row, (a, b) in enumerate(masks):
            if visibility != "twin":
                ids[row, a:b] = vocabulary.mask
        everyone = torch.ones(len(requests), dtype=torch.bool)
        logits = session.logits(ids, folded.slots.valid, everyone, 0, ids.shape[1])
        guess = session.allowed[logits.argmax(dim=-1)]
        right += [bool((guess[row, a:b] == target[row, a:b]).all()) for row, (a, b) in enumerate(masks)]
    return {"lookup": sum(right) / max(len(right), 1)}
