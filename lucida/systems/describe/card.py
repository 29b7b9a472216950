"""The model card of a describer, written with the weights so that it cannot lag behind them."""

from __future__ import annotations

from typing import Any

from lucida.systems.describe.bank import BankConfig


def card_text(config: dict[str, Any], bank: BankConfig) -> str:
    """Markdown; its first plain line says what the model does."""
    trained, network, layout = config["trained"], config["network"], config["layout"]
    twin = config["visibility"] == "twin"
    what = "one word after another (the autoregressive twin)" if twin else "in a few parallel passes"
    probe = ", ".join(f"{name} {value:.3f}" for name, value in sorted(trained["probe"].items()))
    size = f"width {network['width']}, {network['layers']} layers, {network['heads']} heads, weights in fp16"
    photos = "photographic cut-outs of Debian's tuxpaint-stamps-default (GPL-2, training only, not shipped)"
    return f"""# describe{"-twin" if twin else ""}

Describes every region of a picture at once, {what}.

| | |
|---|---|
| network | canvas transformer, {size} |
| input | picture stretched to {layout["side"]} px, frozen EfficientNet-Lite0 cells, up to 64 regions per decode |
| trained | {trained["steps"]} steps, {trained["seconds"]} s, {trained["dtype"]} |
| data | {bank.count} composed scenes, world {config["world"]} |
| held-out, while training | {probe} |

## Sources

- Scenes composed of OpenMoji 17.0.0 artwork (CC BY-SA 4.0, "All emojis designed by OpenMoji").{f'''
- {photos[0].upper()}{photos[1:]}.''' if bank.cutouts else ""}
- The frozen vision tower and its class names: see the card of `tower` (ImageNet's terms apply to its training data).

## Limits

It knows the world it was drawn in: about 250 kinds of things in artwork, ten colours, three sizes, nine places. On
photographs places and sizes are right and its own nouns are mostly wrong; where the tower and the head of `names` are
at least 30 % sure of a name, that name is used instead (neither knows a person, a face, the sky or the sea).
Whole-picture captions are weak, and so are counts and questions that point at things by name (docs/claims.md has
numbers). The picture is stretched to a square, so very long or wide pictures lose detail.
"""
