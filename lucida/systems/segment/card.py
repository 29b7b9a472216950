"""The model card of a segmenter, written with the weights so that it cannot lag behind them."""

from __future__ import annotations

from typing import Any

from lucida.systems.segment.bank import SegmentBankConfig

WHAT = {
    "vanilla": "a flow from noise to class codes, with the plain velocity target",
    "static": "a flow from noise to class codes, its field bent away from wrong codes",
    "annealed": "a flow from noise to class codes, its field bent away from wrong codes less and less towards the data",
    "twin": "one pass and a cross-entropy (the discriminative twin)",
    "metric": "one pass into code space and a cross-entropy on distances",
}


def card_text(config: dict[str, Any], bank: SegmentBankConfig) -> str:
    """Markdown; its first plain line says what the model does."""
    trained, network, codes, sight = config["trained"], config["network"], config["codes"], config["sight"]
    probe = ", ".join(f"{name} {value:.3f}" for name, value in sorted(trained["probe"].items()))
    size = f"width {network['width']}, {network['layers']} layers, weights in fp16"
    flow = config["arm"] not in ("twin", "metric")
    book = (
        f"{codes['classes']} codes of width {codes['width']}, rule {codes['kind']}, scale {codes['scale']:g}"
    )
    photos = (
        "- Photographic cut-outs of Debian's tuxpaint-stamps-default (GPL-2, training only, not shipped).\n"
    )
    names = config["labels"]
    return f"""# segment{"" if flow else "-" + config["arm"]}

Says the class of every pixel of a picture: {WHAT[config["arm"]]}.

| | |
|---|---|
| network | pixel field, {size} |
| input | squares of {sight["side"]} px (short side resized, tiles overlap), frozen EfficientNet-Lite0 cells |
| classes | {len(names)}: {", ".join(names)} |
| codes | {book if config["arm"] != "twin" else "none: logits"} |
| trained | {trained["steps"]} steps, {trained["seconds"]} s, {trained["dtype"]} |
| data | {bank.count} composed scenes, world {config["world"]} |
| held-out, while training | {probe} |

## Sources

- Scenes composed of OpenMoji 17.0.0 artwork (CC BY-SA 4.0, "All emojis designed by OpenMoji").
{photos if bank.cutouts else ""}- The frozen vision tower: see the card of `tower`
  (ImageNet's terms apply to its training data).

## Limits

It knows the classes above and the composed scenes they were drawn in. Real photographs have other grounds and other
things: expect wrong classes there, and read the confidence. A pixel is *unknown* (255) where no class fits.
"""
