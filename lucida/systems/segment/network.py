"""The segmenter's network: a pixel field whose pixels also hear their patch's token directly.

In the field as published a token reaches its pixels only as the weights of their small network, which is slow to
learn. Here the token is also added to what each pixel knows. The sum is part of the look, so steps cost nothing more.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from lucida.models.pixel_field import PixelField, PixelFieldConfig, Seen


class SegmentNetwork(PixelField):
    """See the module's docstring; otherwise a :class:`PixelField`."""

    def __init__(self, config: PixelFieldConfig) -> None:
        super().__init__(config)
        self.lift = nn.Linear(config.width, config.pixel, bias=False)
        nn.init.normal_(self.lift.weight, std=config.width**-0.5)

    def look(self, image: Tensor, features: Tensor | None = None) -> Seen:
        """As :meth:`PixelField.look`, with each patch's token added to the local knowledge of its pixels."""
        seen = super().look(image, features)
        return replace(seen, local=seen.local + self.lift(seen.tokens).unsqueeze(2))
