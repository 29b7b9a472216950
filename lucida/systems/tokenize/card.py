"""The model card of a tokenizer, written with the weights so that it cannot lag behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucida.systems.tokenize.task import TokenizeConfig


def card_text(config: dict[str, Any], settings: TokenizeConfig) -> str:
    """Markdown; its first plain line says what the model does."""
    net, trained = settings.network, config["trained"]
    probe = ", ".join(f"{name} {value:.3f}" for name, value in sorted(trained["probe"].items()))
    codes = 1
    for level in net.levels:
        codes *= level
    kind = (
        f"{codes:,} codes (FSQ {net.levels})"
        if net.quantiser == "fsq"
        else f"{net.channels} channels, Gaussian"
    )
    seen = {"none": "no teacher", "clean": "teacher features read off clean latents"}
    meaning = seen.get(settings.semantics, "teacher features read off noisy latents (FSD)")
    share = settings.pixel_noise
    amount = f" ({share:g} of that noise)" if settings.pixels == "noisy" and share != 1 else ""
    masked = "with masked input (RAD)" if settings.mask[1] > 0 else "without masking"
    return f"""# tokenize

Turns a {net.side} px picture into {net.grid}x{net.grid} latents, and latents back into a picture.

| | |
|---|---|
| network | ViT encoder ({net.encoder_layers} layers) and decoder ({net.decoder_layers}), width {net.width}, fp16 |
| latents | {net.tokens} tokens of {net.patch} px, {kind}; statistics are in the weights |
| objective | {meaning}, {masked}; the pixel decoder reads {settings.pixels} latents{amount}; stage {settings.stage} |
| trained | {trained["steps"]} steps, {trained["seconds"]} s, {trained["dtype"]} |
| data | {settings.bank.count} composed scenes, world {config["world"]} |
| held-out, while training | {probe} |

## Sources

- Scenes composed of OpenMoji 17.0.0 artwork (CC BY-SA 4.0, "All emojis designed by OpenMoji"). These weights can
  reproduce the artwork, so they are CC BY-SA 4.0 too.
- Teacher and perceptual loss: the frozen vision tower, see the card of `tower` (ImageNet's terms apply to its data).

## Limits

It has seen composed artwork only: photographs come back blurred and with shifted colours. Pictures are stretched to a
square of {net.side} px before encoding by `lucida tokenize`; the network itself takes any multiple of {net.patch} px.
"""
