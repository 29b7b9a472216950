"""Names for photographs that ImageNet has no class for: a linear head on the tower's crop embeddings.

ImageNet's 1,000 classes have no flower, planet, gravestone, cow or tree. The head knows the nouns of photographic
cut-outs, and one more class: drawn artwork, of which neither it nor the tower's own classes should be believed.

Shape legend: N crops, K nouns, B basic names of ImageNet.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lucida.media.errors import InputError
from lucida.models.imagenet_names import basic_names
from lucida.models.store import load_model_files, resolve_weights

DRAWN = 0.9  # held-out artwork is drawn with at least this probability in 99 of 100 cases, photographs seldom


@dataclass(frozen=True, kw_only=True)
class NameHeadConfig:
    """``nouns``: what it knows. ``width``: of the embedding. ``scale``: of the cosine-like scores."""

    nouns: tuple[str, ...]
    width: int = 1280
    scale: float = 12.0


class NameHead(nn.Module):
    """See the module docstring."""

    def __init__(self, config: NameHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(config.width, len(config.nouns) + 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        places = {name: i for i, name in enumerate(basic_names())}
        self.names = (*basic_names(), *(noun for noun in config.nouns if noun not in places))
        every = {name: i for i, name in enumerate(self.names)}
        self._places = torch.tensor([every[noun] for noun in config.nouns])

    def forward(self, embedding: Tensor) -> Tensor:
        """(N, width) -> logits (N, K + 1), the last one: drawn. Lengths do not matter."""
        return self.linear(functional.normalize(embedding.float(), dim=-1)) * self.config.scale

    @torch.no_grad()
    def added(self, by_name: Tensor, embedding: Tensor) -> Tensor:
        """ImageNet's probabilities and this head's, added; nothing of what is drawn (at least ``DRAWN`` sure).

        Sums of two probabilities, at most 1: where both are sure of a name, or either is, it is to be believed.

        Args:
            by_name: (N, B). embedding: (N, width) of the same crops.

        Returns:
            (N, len(self.names)).
        """
        own = self(embedding).softmax(-1).to(by_name)
        whole = by_name.new_zeros(len(by_name), len(self.names))
        whole[:, : by_name.shape[1]] = by_name
        whole.index_add_(1, self._places.to(whole.device), own[:, :-1])
        return (whole * (own[:, -1:] < DRAWN)).clamp(max=1.0)


def load_name_head(name: str | os.PathLike[str] = "names") -> NameHead:
    """A head by model name or folder, frozen.

    Raises:
        InputError: there is no such model, or it is not a name head.
    """
    files = load_model_files(resolve_weights(name))
    try:
        data = {**files.config["head"], "nouns": tuple(files.config["head"]["nouns"])}
        head = NameHead(NameHeadConfig(**data))
        head.load_state_dict({key: value.float() for key, value in files.tensors.items()})
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{files.folder}: not a name head: {str(error).splitlines()[0]}") from error
    return head.eval().requires_grad_(False)
