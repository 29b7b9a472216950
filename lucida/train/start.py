"""Going on from a model: its weights as the first ones of a run (a recipe's ``start``)."""

from __future__ import annotations

from torch import nn

from lucida.media.errors import InputError
from lucida.models.store import load_model_files, resolve_weights


def start_from(network: nn.Module, name: str) -> None:
    """Load the weights of the model ``name`` (a name or a folder) into a network of the same sizes.

    Raises:
        InputError: it is not there, or it is another network.
    """
    files = load_model_files(resolve_weights(name))
    try:
        network.load_state_dict({key: value.float() for key, value in files.tensors.items()})
    except RuntimeError as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"recipe.start: {name} is another network: {why}") from error
