"""The model card of a generator, written with the weights so that it cannot lag behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucida.world.nouns import COMMON_NOUNS

if TYPE_CHECKING:
    from lucida.systems.generate.task import GenerateConfig


def card_text(config: dict[str, Any], settings: GenerateConfig) -> str:
    """Markdown; its first plain line says what the model does."""
    trained, net = config["trained"], settings.network
    probe = ", ".join(f"{name} {value:.4f}" for name, value in sorted(trained["probe"].items()))
    shift = config["schedule"]["shift"]
    things = f"{len(COMMON_NOUNS)} common" if settings.bank.nouns == "common" else "about 250"
    return f"""# generate

Draws a picture from a sentence, by a flow in the latents of `{settings.tokenizer}`.

| | |
|---|---|
| network | diffusion transformer and its own caption encoder, fp16 |
| latents | {net.grid}x{net.grid} tokens of {net.channels} channels; noise {settings.time.law}, shift {shift:.2f} |
| trained | {trained["steps"]} steps, {trained["seconds"]} s, {trained["dtype"]} |
| data | {settings.bank.count} composed scenes of {settings.bank.objects[0]} to {settings.bank.objects[1]} things, \
world {config["world"]} |
| held-out, while training | {probe} |

## Sources

- Scenes composed of OpenMoji 17.0.0 artwork (CC BY-SA 4.0, "All emojis designed by OpenMoji"). These weights can
  reproduce the artwork, so they are CC BY-SA 4.0 too.
- The tokenizer: see its card.

## Limits

It knows the world it was drawn in: {things} kinds of things in artwork, ten colours, four relations, plain
backgrounds. Words it has never read ("night", "watercolour") change nothing, or something at random.
"""
