"""The canvas engine written a second time, as plainly as possible: loops over tokens, no cache, no batch, float64.

Nothing here is shared with ``lucida.canvas`` but the words (spans, canvases, plans) and the network's weights.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from lucida.canvas.plan import Plan
from lucida.canvas.span import Canvas, Role, Span, Visibility
from lucida.models.canvas_transformer import CanvasTransformer
from tests.canvas.tiny import END, MASK, VOCABULARY


@dataclass(kw_only=True, eq=False)
class Token:
    """One token. ``column``: number among the answer slots of its group. ``answer``: (answer span, slot), or None."""

    id: int
    position: int
    role: Role
    group: int
    column: int
    block: int
    span: Span
    at: int
    answer: tuple[int, int] | None = None
    alive: bool = True


def sees(visibility: Visibility, q: Token, k: Token) -> bool:
    """The table of DESIGN section 4."""
    same = q.group == k.group
    if visibility == "full":
        return True
    if visibility == "released" and q.role is not Role.ANSWER:
        return True
    if k.role is Role.CONTEXT:
        return True
    if q.role is Role.CONTEXT:
        return False
    if k.role is Role.GIVEN:
        return same
    if q.role is Role.GIVEN:
        return False
    if visibility == "twin":
        return same and k.column <= q.column
    if visibility == "block":
        return same and k.block <= q.block
    return same


def tokens_of(canvas: Canvas, contents: list[list[int]] | None = None) -> list[Token]:
    """All tokens in order; ``contents`` are the ids of the answer spans, by default their own."""
    out: list[Token] = []
    place, context_end, group, column, answer = 0, None, -1, 0, -1
    previous = VOCABULARY.start
    for span in canvas.spans:
        mine = -1 if span.role is Role.CONTEXT else span.group
        if mine != group:
            group, column, previous = mine, 0, VOCABULARY.start
            context_end = place if context_end is None else context_end
            if canvas.visibility in ("strict", "twin", "block"):
                place = context_end
        ids = span.ids.tolist()
        if span.role is Role.ANSWER:
            answer += 1
            ids = contents[answer] if contents is not None else ids
        for at, i in enumerate(ids):
            token = Token(id=i, position=place, role=span.role, group=mine, column=column, span=span, at=at,
                          block=column // span.plan.block)  # fmt: skip
            if span.role is Role.ANSWER:
                token.answer = answer, at
                column += 1
                if canvas.visibility == "twin":
                    token.id, previous = previous, i
            out.append(token)
            if span.position == "sequence":
                place += 1
        if span.position == "stay" and ids:
            place += 1
    return out


@lru_cache
def weights(model: CanvasTransformer) -> dict[str, Tensor]:
    """All weights in float64."""
    return {name: tensor.double() for name, tensor in model.state_dict().items()}


def hidden_of(model: CanvasTransformer, tokens: list[Token], visibility: Visibility) -> Tensor:
    """(L, D) in float64."""
    w, config = weights(model), model.config
    heads, half = config.heads, config.width // config.heads // 2
    rows, context = [], [i for i, t in enumerate(tokens) if t.role is Role.CONTEXT]
    bias = torch.zeros(len(tokens), len(tokens), dtype=torch.float64)
    for i, t in enumerate(tokens):
        x = w["embed.weight"][t.id]
        if t.span.boxes is not None:
            x = x + w["place.project.weight"] @ box_features(t.span.boxes[t.at].double(), model.place.octaves)
        if t.span.features is not None:
            name = f"project.{t.span.modality}"
            x = x + w[f"{name}.weight"] @ t.span.features[t.at].double() + w[f"{name}.bias"]
        rows.append(x)
        if t.span.cover is not None:
            bias[i, context[: len(t.span.cover)]] = t.span.cover.double()
    hide = torch.tensor([[not (sees(visibility, q, k) and k.alive) for k in tokens] for q in tokens])
    angle = torch.tensor([[t.position * config.theta ** (-i / half) for i in range(half)] for t in tokens])
    turn = torch.polar(torch.ones_like(angle), angle).to(torch.complex128)[:, None]
    x = torch.stack(rows)
    for n in range(config.layers):
        block = f"blocks.{n}."
        h = normed(x, w[block + "norm_attention.weight"]) @ w[block + "attention.qkv.weight"].T
        q, k, v = h.view(len(tokens), 3, heads, 2 * half).unbind(1)
        q, k = ((torch.complex(z[..., :half].contiguous(), z[..., half:].contiguous()) * turn) for z in (q, k))
        scores = torch.einsum("qhi,khi->hqk", q, k.conj()).real / math.sqrt(2 * half)
        scores = scores + bias * w["cover_scale"][n]
        attention = scores.masked_fill(hide, float("-inf")).softmax(dim=-1)
        mixed = torch.einsum("hqk,khi->qhi", attention, v).reshape(len(tokens), -1)
        x = x + mixed @ w[block + "attention.out.weight"].T
        gate, value = (normed(x, w[block + "norm_mlp.weight"]) @ w[block + "mlp.gate_in.weight"].T).chunk(2, dim=1)
        x = x + (gate * torch.sigmoid(gate) * value) @ w[block + "mlp.out.weight"].T
    return normed(x, w["norm.weight"])


def box_features(box: Tensor, octaves: int) -> Tensor:
    """Centre and size of a box on [-1, 1], each plain, as sines and as cosines of pi 2^k times it."""
    x0, y0, x1, y1 = box.tolist()
    out: list[float] = []
    for value in (x0 + x1 - 1, y0 + y1 - 1, 2 * (x1 - x0) - 1, 2 * (y1 - y0) - 1):
        angles = [math.pi * 2**k * value for k in range(octaves)]
        out += [value, *map(math.sin, angles), *map(math.cos, angles)]
    return torch.tensor(out, dtype=torch.float64)


def normed(x: Tensor, weight: Tensor) -> Tensor:
    """RMSNorm."""
    return x * (x.pow(2).mean(dim=-1, keepdim=True) + 1e-5).rsqrt() * weight


def logits_of(model: CanvasTransformer, hidden: Tensor, allowed: Tensor) -> Tensor:
    """(..., D), (V',) -> (..., V')."""
    return hidden @ weights(model)["embed.weight"][allowed].T * 8 / math.sqrt(model.config.width)


@dataclass
class Slot:
    """A slot while it is written."""

    id: int
    open: bool
    alive: bool = True
    tail: bool = False
    step: int = -1
    confidence: float = 0.0


@dataclass
class SlowDecoded:
    """What a slow decode found. ``reveals``: per (pass, answer span) the number of slots; ``close``: a near-tie."""

    answers: list[list[int]] = field(default_factory=list)
    steps: list[list[int]] = field(default_factory=list)
    confidence: list[list[float]] = field(default_factory=list)
    passes: int = 0
    close: bool = False


def slow_decode(
    model: CanvasTransformer, canvas: Canvas, *, branch: Canvas | None = None, scale: float = 1.0
) -> SlowDecoded:
    """Greedy decode of plans that are not revisable, one answer span after the other within a pass."""
    spans = [s for s in canvas.spans if s.role is Role.ANSWER]
    pages = [[Slot(i, i == MASK) for i in s.ids.tolist()] for s in spans]
    for page, span in zip(pages, spans, strict=True):
        cut(page, span)
    found = SlowDecoded()
    for step in range(max(s.plan.last for s in spans) + 1):
        asked = [ask(page, s.plan, step) for page, s in zip(pages, spans, strict=True)]
        if not any(asked):
            continue
        found.passes += 1
        contents = [[slot.id for slot in page] for page in pages]
        logits = slot_logits(model, canvas, contents, pages)
        if branch is not None:
            other = slot_logits(model, branch, contents, pages)
            logits = {at: other[at] + scale * (logits[at] - other[at]) for at in logits}
        for n, (page, span) in enumerate(zip(pages, spans, strict=True)):
            if asked[n]:
                found.close |= write(n, page, span, step, asked[n], logits)
    for page in pages:
        kept = [slot for slot in page if slot.alive and slot.id != END]
        found.answers.append([slot.id for slot in kept])
        found.steps.append([slot.step for slot in kept])
        found.confidence.append([slot.confidence for slot in kept])
        assert all(slot.id != MASK for slot in page)
    return found


def slot_logits(
    model: CanvasTransformer, canvas: Canvas, contents: list[list[int]], pages: list[list[Slot]]
) -> dict[tuple[int, int], Tensor]:
    """Logits over its own vocabulary for every answer slot."""
    tokens = tokens_of(canvas, contents)
    for t in tokens:
        t.alive = t.answer is None or pages[t.answer[0]][t.answer[1]].alive
    hidden = hidden_of(model, tokens, canvas.visibility)
    return {
        t.answer: logits_of(model, hidden[i], VOCABULARY.allowed(t.span.allowed))
        for i, t in enumerate(tokens)
        if t.answer is not None
    }


def owed(page: list[Slot], plan: Plan, step: int, given: set[int]) -> int | None:
    """Slots a counting law still wants after this pass: n(s) of the slots to write, less those written."""
    mine = [s for i, s in enumerate(page) if s.alive and not s.tail and i not in given]
    n, done, of = len(mine), step - plan.first + 1, plan.last - plan.first + 1
    written = sum(not s.open for s in mine)
    if step == plan.last:
        return n - written
    if plan.law == "linear":
        return math.ceil(n * done / of - 1e-9) - written
    if plan.law == "cosine":
        return math.ceil(n * (1 - math.cos(math.pi / 2 * done / of)) - 1e-9) - written
    if plan.law == "counts":
        return min(n, sum(plan.counts[:done])) - written
    return None


def given_slots(page: list[Slot]) -> set[int]:
    """Slots that were never open: they hold a token and were committed in no pass."""
    return {i for i, s in enumerate(page) if not s.open and s.step < 0}


def runs(plan: Plan) -> bool:
    """Whether a pass reveals the longest sure beginning."""
    return plan.order == "left-to-right" and plan.law == "threshold"


def ask(page: list[Slot], plan: Plan, step: int) -> list[int]:
    """Slots that this pass may write."""
    ready = [i for i, s in enumerate(page) if s.open and s.alive]
    if not plan.first <= step <= plan.last or not ready:
        return []
    quota = owed(page, plan, step, given_slots(page))
    if step == plan.last:
        return ready
    if runs(plan):
        return ready
    if plan.order == "confidence":
        return ready if quota is None or quota > 0 else []
    size = plan.block if plan.order == "block" else 1
    asked: list[int] = []
    for block in sorted({i // size for i in ready}):
        if len(asked) >= (1 if quota is None else quota):
            break
        asked += [i for i in ready if i // size == block]
    return asked


def write(
    n: int, page: list[Slot], span: Span, step: int, asked: list[int], logits: dict[tuple[int, int], Tensor]
) -> bool:
    """Write what the pass reveals; whether anything was decided by less than 1e-4."""
    plan, allowed, close = span.plan, VOCABULARY.allowed(span.allowed).tolist(), False
    sure, ids, end = {}, {}, {}
    for i in asked:
        p = logits[n, i].softmax(dim=-1)
        best = p.topk(2).values
        close |= bool(best[0] - best[1] < 1e-4)
        sure[i], ids[i] = float(best[0]), allowed[int(p.argmax())]
        end[i] = float(p[allowed.index(END)]) if END in allowed else 0.0
    tail = []
    if END in allowed and (plan.order != "left-to-right" or runs(plan)):
        for i in reversed([i for i, s in enumerate(page) if s.alive]):
            if page[i].open and i in asked:
                close |= abs(end[i] - plan.tail) < 1e-4
                if end[i] < plan.tail:
                    break
                tail.append(i)
            elif page[i].id != END:
                break
    for i in tail:
        page[i].id, page[i].open, page[i].step, page[i].tail = END, False, step, True
    cut(page, span)
    ready = [i for i in asked if page[i].open and page[i].alive]
    size = {"confidence": len(page), "block": plan.block, "left-to-right": 1}[plan.order]
    order = sorted(ready, key=lambda i: (i // size, -sure[i]))
    quota = owed(page, plan, step, given_slots(page))
    if step == plan.last:
        quota = len(ready)
    elif plan.law == "threshold":
        close |= any(abs(sure[i] - plan.threshold) < 1e-4 for i in ready)
        if runs(plan):
            quota = max(1, len(list(itertools.takewhile(lambda i: sure[i] >= plan.threshold, ready))))
        else:
            quota = max(1, sum(sure[i] >= plan.threshold for i in ready))
    elif plan.law == "factor":
        ranked = sorted((sure[i] for i in ready), reverse=True)
        margins = [(k + 1) * (1 - c) - plan.factor for k, c in enumerate(ranked, start=1)]
        close |= any(abs(m) < 1e-4 for m in margins)
        quota = max([1] + [k for k, m in enumerate(margins, start=1) if m < 0])
    assert quota is not None
    if 0 < quota < len(order) and order[quota - 1] // size == order[quota] // size:
        close |= sure[order[quota - 1]] - sure[order[quota]] < 1e-4
    for i in order[: max(quota, 0)]:
        page[i].id, page[i].open, page[i].step, page[i].confidence = ids[i], False, step, sure[i]
    cut(page, span)
    return close


def cut(page: list[Slot], span: Span) -> None:
    """Everything behind the first end token leaves."""
    if END not in VOCABULARY.allowed(span.allowed):
        return
    ends = [i for i, s in enumerate(page) if s.alive and not s.open and s.id == END]
    for s in page[ends[0] + 1 :] if ends else []:
        s.alive, s.id = False, END
