"""Trained weights as a model folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from lucida.models.store import save_model
from lucida.world.fingerprint import world_fingerprint


def export_model(
    folder: Path,
    network: nn.Module,
    config: Mapping[str, Any],
    card: Callable[[dict[str, Any]], str],
    facts: Mapping[str, Any],
    *,
    exact: str | None = None,
) -> Path:
    """Write a model folder: ``network`` in fp16, its config, its card.

    Args:
        config: what the model is; ``world`` (the fingerprint) and ``trained`` (the facts) are added.
        card: the card's text, from the whole config.
        facts: numbers of the run.
        exact: tensors whose names begin so stay as they are.

    Raises:
        InputError: as ``save_model``.
    """
    tensors = {
        name: value if exact is not None and name.startswith(exact) else value.half()
        for name, value in network.state_dict().items()
    }
    plain = json.loads(json.dumps(facts))
    whole = {**config, "world": world_fingerprint(), "trained": plain}
    return save_model(folder, tensors, whole, card(whole))
