"""What takes the optimiser steps: AdamW, or Muon for the matrices inside and AdamW for the rest.

Muon (arXiv 2502.16982: its updates rescaled to the size of AdamW's, so one learning rate serves both) needs fewer steps
for the same loss in transformers. Embeddings, thin projections, vectors and scalars stay with AdamW.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lucida.train.recipe import RunConfig

THIN = 64  # a linear map with fewer inputs or outputs is left to AdamW


def inner_matrices(module: nn.Module) -> list[Tensor]:
    """Weights of linear maps from at least ``THIN`` features to at least as many, in the module's order."""
    maps = [part for part in module.modules() if isinstance(part, nn.Linear)]
    unique = {id(m.weight): m.weight for m in maps if m.weight.requires_grad and min(m.weight.shape) >= THIN}
    return list(unique.values())


def parameter_groups(
    module: nn.Module, weight_decay: float, without: list[Tensor] | None = None
) -> list[dict[str, Any]]:
    """Matrices decay, vectors and scalars do not; ``without`` are left out."""
    left_out = {id(p) for p in without or []}
    trainable = [p for p in module.parameters() if p.requires_grad and id(p) not in left_out]
    return [
        {"params": [p for p in trainable if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.dim() < 2], "weight_decay": 0.0},
    ]


class Optimiser:
    """One or two of PyTorch's optimisers as one."""

    def __init__(self, module: nn.Module, run: RunConfig) -> None:
        inner = inner_matrices(module) if run.optimiser == "muon" else []
        rate, decay = run.schedule.peak, run.weight_decay
        groups = parameter_groups(module, decay, inner)
        self.parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=rate, betas=run.betas)]
        if inner:
            muon = torch.optim.Muon(inner, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
            self.parts.append(muon)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next step."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate

    def step(self) -> None:
        """Take a step and forget the gradients."""
        for part in self.parts:
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """AdamW's own state; Muon's beside it under "muon"."""
        state = self.parts[0].state_dict()
        return state | {"muon": self.parts[1].state_dict()} if len(self.parts) > 1 else state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError or KeyError where the state is of another network or kind."""
        if ("muon" in state) != (len(self.parts) > 1):
            raise ValueError("the checkpoint is of another run.optimiser")
        self.parts[0].load_state_dict({key: value for key, value in state.items() if key != "muon"})
        if len(self.parts) > 1:
            self.parts[1].load_state_dict(state["muon"])
