"""A canvas network prepared for decoding: the same weights, fewer operations, one number format.

What a small network's pass costs on a processor is mostly not arithmetic: it is the number of operations, the casts of
autocast, and copies of keys and values. Here the gains of the norms and the softmax scale are folded into the matrices,
the output rows of an allowed vocabulary are picked once, and :class:`QuickSession` keeps keys and values of given parts
and answers in buffers that passes write in place, while the context's are shared by all groups. The results are those
of ``canvas.sessions.FoldedSession`` up to rounding (1e-4 in fp32, tested), so that one stays the reference.

Shape legend: P pictures, G groups, A answer columns, C context tokens, L own keys (given, then answers), H heads,
K head width, D width, R = P*G*A tokens of a pass.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lucida.canvas.tokens import Memory, Tokens
from lucida.models.canvas_transformer import CanvasTransformer
from lucida.nn.blocks import Block
from lucida.nn.rotary import rotations

NOTHING = -1e4  # a score that leaves no weight after the softmax, finite in every number format


@dataclass(frozen=True, eq=False)
class _Layer:
    """Weights of one layer, norms and the softmax scale folded in."""

    qkv: Tensor  # (3D, D)
    out: Tensor  # (D, D)
    gate_in: Tensor  # (2F, D)
    mlp_out: Tensor  # (D, F)
    cover: Tensor  # (H, 1, 1, 1)


class QuickCanvas:
    """Inference only: a frozen copy of a network in one number format. Implements ``canvas.tokens.CanvasNetwork``."""

    def __init__(self, network: CanvasTransformer, dtype: torch.dtype = torch.float32) -> None:
        self.config, self.dtype = network.config, dtype
        self.wide = torch.promote_types(dtype, torch.float32)  # what sums and folded gains are computed in
        heads, width = network.config.heads, network.config.width
        own = network.embed.weight.dtype == dtype
        self.reference = network if own else copy.deepcopy(network).to(dtype)
        self.reference.eval()
        self.layers: list[_Layer] = []
        scale = torch.ones(3 * width, 1, device=network.embed.weight.device)
        scale[:width] = (width // heads) ** -0.5
        with torch.no_grad():
            for block, cover in zip(network.blocks, network.cover_scale, strict=True):
                assert isinstance(block, Block)
                attention, mlp = block.attention, block.mlp
                parts = (
                    attention.qkv.weight * block.norm_attention.weight * scale,
                    attention.out.weight,
                    mlp.gate_in.weight * block.norm_mlp.weight,
                    mlp.out.weight,
                    cover[:, :, :, None],
                )
                cast = [p.detach().to(dtype).contiguous() for p in parts]
                self.layers.append(_Layer(*cast))
            self.norm = network.norm.weight.detach().to(dtype)
            self.embed = self.reference.embed.weight.detach()
            self.words = self.embed
            if (
                network.near
            ):  # one table for a slot's own word and its neighbours': a zero row for none, then an offset's
                table = network.embed.weight.detach()
                beside = [
                    torch.cat((table.new_zeros(1, width), table * scale))
                    for scale in network.near_scale.detach()
                ]
                self.words = torch.cat((table, *beside)).to(dtype)
        self._heads: dict[bytes, Tensor] = {}

    @property
    def near(self) -> tuple[int, ...]:
        """Offsets of the neighbours it wants to be told of."""
        return self.reference.near

    def embedded(self, ids: Tensor, near: Tensor | None) -> Tensor:
        """Input embeddings (*N, D) of slots: ids (*N,), and ids of their neighbours (*N, W)."""
        if near is None:
            return functional.embedding(ids, self.embed)
        v = self.embed.shape[0]
        start = v + 1 + torch.arange(near.shape[-1], device=near.device) * (v + 1)
        return functional.embedding(torch.cat((ids.unsqueeze(-1), near + start), dim=-1), self.words).sum(
            dim=-2
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embed.device

    def read(
        self, tokens: Tokens, past: Sequence[Memory] = (), allow_own: Tensor | None = None
    ) -> tuple[Tensor, Memory]:
        """See ``CanvasTransformer.read``: contexts and given parts are read once, by the network itself."""
        return self.reference.read(tokens, past, allow_own)

    def logits(self, hidden: Tensor, allowed: Tensor) -> Tensor:
        """(*N, M, D), (V',) -> (*N, M, V'); the rows of a set of ids are picked once and kept."""
        return functional.linear(hidden, self.head(allowed))

    def head(self, allowed: Tensor) -> Tensor:
        """(V', D) rows of the output matrix for a set of ids; the last few sets are kept."""
        key = allowed.cpu().numpy().tobytes()
        if key not in self._heads:
            if len(self._heads) >= 8:
                self._heads.clear()
            rows = self.embed[allowed.to(self.device)].to(self.wide) * (self.config.width**-0.5 * 8.0)
            self._heads[key] = rows.to(self.dtype)
        return self._heads[key]

    def reading(self, context: Memory, given: Memory, answers: Tokens) -> Reading:
        """Start to read the answers of groups: memories of (P, ...) and (P, G, ...), tokens of (P, G, A)."""
        return Reading(self, context, given, answers.to(self.device))


class Reading:
    """Answer slots of groups being read, pass after pass, over a shared context and each group's given part.

    Keys and values of the answers' columns stay where a pass wrote them, so a causal or block-wise reader goes on
    behind them; a bidirectional one writes over all of them.
    """

    def __init__(self, network: QuickCanvas, context: Memory, given: Memory, answers: Tokens) -> None:
        self.network, self.answers = network, answers
        config = network.config
        self.pictures, self.groups, slots = answers.ids.shape
        heads, kept = config.heads, config.width // config.heads
        self.given_length = given.valid.shape[-1]
        length = self.given_length + slots
        self._context = [
            (k.flatten(0, 1).contiguous(), v.flatten(0, 1).contiguous()) for k, v in context.layers
        ]
        self._own: list[tuple[Tensor, Tensor]] = []
        for k, v in given.layers:
            pair = tuple(x.new_zeros(self.pictures, heads, self.groups, length, kept) for x in (k, v))
            for buffer, x in zip(pair, (k, v), strict=True):
                buffer[..., : self.given_length, :] = x.transpose(1, 2)
            self._own.append((pair[0], pair[1]))
        cosine, sine = (
            rotations(answers.positions, kept, config.theta).squeeze(-3).to(network.dtype)
        )  # (P, G, A, K/2)
        self._cosine, self._sine = torch.cat((cosine, cosine), dim=-1).unsqueeze(-2), sine.unsqueeze(-2)
        self._extra: Tensor | None = None
        if answers.boxes is not None and answers.boxed is not None:
            self._extra = network.reference.place(answers.boxes.to(network.dtype)) * answers.boxed.unsqueeze(
                -1
            )
        self._given_bias = _bias(given.valid.to(network.device), network.dtype)  # (P, G, Lg)
        self._context_bias = _bias(context.valid.to(network.device), network.dtype)  # (P, C)
        self._cover = answers.cover if config.cover_bias else None
        if self._cover is not None and bool((self._cover == self._cover[:, :, :1]).all()):
            self._cover = self._cover[:, :, :1]  # one row serves every column
        self._biases: dict[tuple[int, int], list[Tensor]] = {}

    def keep(self, picture: Tensor, group: Tensor) -> None:
        """Go on with these groups only: (P, G') indices."""
        picture, group = picture.to(self.network.device), group.to(self.network.device)

        def of(x: Tensor) -> Tensor:  # (P, H, G, ...) -> (P, H, G', ...)
            return x.transpose(1, 2)[picture, group].transpose(1, 2).contiguous()

        self._own = [(of(k), of(v)) for k, v in self._own]
        self._cosine, self._sine = self._cosine[picture, group], self._sine[picture, group]
        self._given_bias = None if self._given_bias is None else self._given_bias[picture, group]
        self._extra = None if self._extra is None else self._extra[picture, group]
        self._cover = None if self._cover is None else self._cover[picture, group]
        self.groups = group.shape[1]
        self._biases.clear()

    def read(
        self, ids: Tensor, begin: int, end: int, valid: Tensor | None = None, rule: Tensor | None = None,
        wanted: Tensor | None = None, near: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Hidden states of columns ``begin`` to ``end``; their keys and values are kept.

        Args:
            ids: (P, G, end - begin). near: (P, G, end - begin, W), see ``canvas.tokens.neighbours``.
            valid: (P, G, end) bool, slots that may be looked at, earlier columns included; None: all.
            rule: (end - begin, end) bool, which columns each column sees; None: all of them.
            wanted: (K,) flat indices of the tokens whose hidden states are needed; None: all, in order.

        Returns:
            (K or P*G*(end - begin), D), normed.
        """
        n, config = self.network, self.network.config
        heads, width = config.heads, config.width
        kept, columns = width // heads, end - begin
        pictures, groups = self.pictures, self.groups
        shape = (pictures, groups, columns)
        first, last = self.given_length + begin, self.given_length + end
        x = n.embedded(ids, near)
        if self._extra is not None:
            x = x + self._extra[:, :, begin:end]
        x = x.reshape(-1, width)
        cosine, sine = self._cosine[:, :, begin:end], self._sine[:, :, begin:end]
        biases = self._bias_of(begin, end, valid, rule)
        half = kept // 2
        turned = x.new_empty(pictures, 2 * heads, groups, columns, kept)
        view = turned.permute(0, 2, 3, 1, 4)
        low, high = view[..., :half], view[..., half:]
        for i, layer in enumerate(n.layers):
            qkv = functional.linear(functional.rms_norm(x, (width,), None, 1e-5), layer.qkv)
            qkv = qkv.view(*shape, 3 * heads, kept)
            qk = qkv[..., : 2 * heads, :]
            torch.mul(qk, cosine, out=view)
            low.addcmul_(qk[..., half:], sine, value=-1)
            high.addcmul_(qk[..., :half], sine)
            keys, values = self._own[i]
            keys[..., first:last, :] = turned[:, heads:]
            values[..., first:last, :] = qkv[..., 2 * heads :, :].permute(0, 3, 1, 2, 4)
            mixed = self._attend(i, turned[:, :heads], last, biases[i])
            mixed = mixed.view(pictures, heads, *shape[1:], kept).permute(0, 2, 3, 1, 4).reshape(-1, width)
            if wanted is not None and i == len(n.layers) - 1:  # nobody looks at the others any more
                x, mixed = x[wanted], mixed[wanted]
            x = x + functional.linear(mixed, layer.out)
            gate, value = functional.linear(
                functional.rms_norm(x, (width,), None, 1e-5), layer.gate_in
            ).chunk(2, -1)
            x = x + functional.linear(functional.silu(gate) * value, layer.mlp_out)
        return functional.rms_norm(x, (width,), n.norm, 1e-5)

    def _attend(self, layer: int, q: Tensor, last: int, bias: Tensor) -> Tensor:
        """(P, H, G, A, K) -> (P*H*G, A, K), over the context and the first ``last`` own keys."""
        pictures, heads, groups, columns, kept = q.shape
        context_k, context_v = self._context[layer]
        keys, values = (x.flatten(0, 2)[:, :last] for x in self._own[layer])
        q = q.reshape(pictures * heads, groups * columns, kept)
        context = context_k.shape[1]
        # Keys are transposed in the product, not before: the other kernel's sums depend on a row's place.
        shared = torch.bmm(q, context_k.transpose(1, 2)).view(pictures * heads * groups, columns, context)
        own = torch.bmm(q.view(pictures * heads * groups, columns, kept), keys.transpose(1, 2))
        scores = torch.cat((shared, own), dim=-1).view(pictures, heads, groups, columns, context + last)
        weights = scores.add_(bias).softmax(dim=-1).view(pictures * heads, groups * columns, context + last)
        seen = torch.bmm(weights[..., :context], context_v).view(-1, columns, kept)
        return seen.baddbmm_(weights.view(-1, columns, context + last)[..., context:], values)

    def _bias_of(self, begin: int, end: int, valid: Tensor | None, rule: Tensor | None) -> list[Tensor]:
        """Per layer (P, H, G, 1 or A, C + L), added to the scores: covers, padding, and who sees whom."""
        columns = self._cover is not None and self._cover.shape[2] > 1
        key = (begin, end) if columns else (0, 0)
        if key not in self._biases:
            self._biases = {key: self._unchanging(*key)}
        base = self._biases[key]
        length = base[0].shape[-1] - self.answers.ids.shape[2] + end
        base = [b[..., :length] for b in base]
        slots: Tensor | None = None if valid is None else _bias(valid, self.network.dtype)
        if slots is not None:
            slots = slots[:, None, :, None, :]
        if rule is not None and not bool(rule.all()):
            allowed = torch.where(rule.to(self.network.device), 0.0, NOTHING).to(self.network.dtype)
            slots = allowed if slots is None else torch.minimum(slots, allowed)
        if slots is None:
            return base
        slots = functional.pad(slots, (length - end, 0))
        return [b + slots for b in base]

    def _unchanging(self, begin: int, end: int) -> list[Tensor]:
        """Per layer (P, H, G, 1 or A, C + Lg + slots), zero in the slots. ``begin``, ``end``: columns of a cover."""
        n, slots = self.network, self.answers.ids.shape[2]
        shape = (self.pictures, n.config.heads, self.groups)
        plain = torch.zeros(*shape, 1, self.given_length + slots, dtype=n.dtype, device=n.device)
        if self._given_bias is not None:
            plain[..., : self.given_length] = self._given_bias[:, None, :, None, :]
        cover = self._cover
        if cover is not None and cover.shape[2] > 1:
            cover = cover[:, :, begin:end]
        out = []
        for layer in n.layers:
            shared = plain.new_zeros(*shape, 1, self._context[0][0].shape[1])
            if cover is not None:
                shared = shared + cover[:, None] * layer.cover[None].to(n.wide)  # (P, H, G, 1 or A, C)
            shared = shared.to(n.dtype)
            if self._context_bias is not None:
                shared = shared + self._context_bias[:, None, None, None]
            out.append(torch.cat((shared, plain.expand(*shape, shared.shape[3], -1)), dim=-1))
        return out


def _bias(valid: Tensor, dtype: torch.dtype) -> Tensor | None:
    """0 where valid, else ``NOTHING``; None when all are valid."""
    if bool(valid.all()):
        return None
    return torch.where(valid, 0.0, NOTHING).to(device=valid.device, dtype=dtype)
