"""Beginning a training from another describer's weights: a later stage of one recipe, or a neighbouring setting."""

from __future__ import annotations

import torch

from lucida.media.errors import InputError
from lucida.models.canvas_transformer import CanvasTransformer
from lucida.models.store import load_model_files, resolve_weights

NEAR = "near_scale"


def start_from(network: CanvasTransformer, name: str) -> None:
    """Copy the weights of the model ``name`` (a name or a folder) into ``network``.

    Offsets of ``near`` that the model did not have begin at nought, and say nothing until they are taught.

    Raises:
        InputError: the model is not there, or one of its tensors is not what ``network`` has.
    """
    files = load_model_files(resolve_weights(name))
    tensors = {key: value.float() for key, value in files.tensors.items()}
    wanted = network.state_dict()
    if NEAR in wanted:
        had = tuple(files.config.get("network", {}).get("near", ()))
        rows = torch.zeros_like(wanted[NEAR])
        for row, offset in enumerate(network.near):
            if offset in had:
                rows[row] = tensors[NEAR][had.index(offset)]
        tensors[NEAR] = rows
    for key, value in wanted.items():
        if key not in tensors or tensors[key].shape != value.shape:
            found = "missing" if key not in tensors else f"{tuple(tensors[key].shape)}"
            raise InputError(f"recipe.start: {name} does not fit: {key} is {found}, want {tuple(value.shape)}")
    network.load_state_dict({key: tensors[key] for key in wanted})
