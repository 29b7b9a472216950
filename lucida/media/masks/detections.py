"""Regions as ``supervision.Detections``. The package is optional and imported only here, when called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lucida.media.errors import InputError
from lucida.media.masks.common import matched
from lucida.media.region import Region, Size


def to_supervision(
    regions: Sequence[Region],
    labels: Sequence[str],
    image_size: Size | None = None,
    *,
    confidence: Sequence[float] | None = None,
) -> Any:
    """``Detections`` with xyxy in pixels, (N, H, W) bool masks, class ids and ``data["class_name"]``.

    Raises:
        InputError: the package is not installed; numbers or sizes differ.
    """
    try:
        import supervision  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            "to_supervision needs the package 'supervision': pip install camera-lucida[vis]"
        ) from None
    pairs, size = matched(regions, labels, image_size)
    if not pairs:
        return supervision.Detections.empty()
    if confidence is not None and len(confidence) != len(pairs):
        raise InputError(f"{len(confidence)} confidences for {len(pairs)} regions")
    names = list(dict.fromkeys(label for label, _ in pairs))
    return supervision.Detections(
        xyxy=np.array([region.pixel_box for _, region in pairs], dtype=np.float32),
        mask=np.stack([region.mask for _, region in pairs]) if pairs else np.zeros((0, *size), dtype=bool),
        confidence=None if confidence is None else np.asarray(confidence, dtype=np.float32),
        class_id=np.array([names.index(label) for label, _ in pairs]),
        data={"class_name": np.array([label for label, _ in pairs])},
    )
