"""CLIP or SigLIP from transformers (extra ``hf``) in place of tower and bridge: pictures and text in one space.

Not run in the tests with real weights: none are shipped. What is ours (calibration, refusals) is tested with
a stand-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lucida.media.errors import InputError
from lucida.watch.query import Words, take_apart
from lucida.watch.records import Seen

BACKGROUND = (
    "a photo of a wall", "a photo of a table", "a photo of a mountain", "a photo of an aeroplane", "a photo of a fish",
    "a photo of a piano", "a photo of a tree", "a photo of a street", "a photo of food", "a photo of a book",
    "a photo of a hand", "a photo of a room", "a photo of the sea", "a photo of a bird", "a photo of a machine",
    "a photo of a flower", "a photo of an animal", "a photo of a face", "a photo of clothes", "a photo of the sky",
    "a photo of a building", "a photo of a toy", "a photo of grass", "a photo of a bottle", "an abstract pattern",
)  # fmt: skip
UNRELATED = (
    0.92  # cosine of two texts from which a background text is too near the query to be its background
)


@dataclass(frozen=True, kw_only=True, eq=False)
class TextReading:
    """A query as a text vector. Attributes as of ``bridge.Reading``, as far as they apply."""

    words: Words
    weights: np.ndarray  # (d,) the unit text vector; what the memory is asked with
    background: np.ndarray  # (K, d) unit text vectors of unrelated things
    names: tuple[tuple[str, float], ...]
    doubt: str = ""

    @property
    def text(self) -> str:
        """The query as given."""
        return self.words.text


class ClipView:
    """Both ``Tower`` and ``Scorer``: colours and attributes are the model's own, so nothing is measured in pixels.

    Args:
        name: a hub id or a folder of a CLIP or SigLIP model.
        model: (model, processor) that are already here, instead of loading.

    Raises:
        InputError: transformers is missing, or there is no such model.
    """

    def __init__(self, name: str, *, model: tuple[Any, Any] | None = None) -> None:
        self.name = name
        self._model, self._processor = model or _loaded(name)
        self.dim = int(self._encode(["a photo"]).shape[1])
        self._background = self._encode(BACKGROUND)

    def see(self, frames: Sequence[np.ndarray]) -> Seen:
        """(H, W, 3) uint8 frames -> unit vectors (n, d); there are no classes."""
        if not frames:
            return Seen(vectors=np.zeros((0, self.dim), np.float32), classes=np.zeros((0, 0), np.float32))
        rows = []
        for frame in frames:  # one by one, so that a frame's vector does not depend on its neighbours
            inputs = self._processor(images=[frame], return_tensors="pt")
            rows.append(_rows(self._call("get_image_features", inputs)))
        return Seen(vectors=np.concatenate(rows), classes=np.zeros((len(frames), 0), np.float32))

    def read(self, text: str) -> TextReading:
        """The query as a vector; verbs are left to the engine.

        Raises:
            InputError: the query is empty.
        """
        words = take_apart(text)
        said = bool(words.phrase or words.colour)
        vector = self._encode([f"a photo of {text.strip()}"])[0]
        far = self._background @ vector < UNRELATED
        background = self._background[far] if far.sum() >= 8 else self._background
        # The colour is part of the text here: nothing is to be measured beside it.
        words = Words(
            text=words.text, phrase=words.phrase or text.strip(), noun=words.noun or text.strip(), classes=(),
            colour=None, verb=words.verb, unchecked=(),
        )  # fmt: skip
        # "something enters" names nothing to be seen: what enters is anything.
        names = ((text.strip(), 1.0),) if said else ()
        return TextReading(words=words, weights=vector, background=background, names=names)

    def scores(self, seen: Seen, reading: TextReading) -> np.ndarray:
        """(n,) cosine of frame and query, in standard deviations above the cosines of unrelated texts."""
        own = seen.vectors @ reading.weights
        null = seen.vectors @ reading.background.T
        return (own - null.mean(1)) / np.maximum(null.std(1), 1e-6)

    def query_vector(self, weights: np.ndarray) -> np.ndarray:
        """Text and pictures share a space: the vector is the query's own."""
        return np.asarray(weights, dtype=np.float32)

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        # SigLIP was trained with texts padded to 64; CLIP ignores what is padded.
        longest = getattr(getattr(self._model.config, "text_config", None), "max_position_embeddings", 64)
        inputs = self._processor(
            text=list(texts), return_tensors="pt", padding="max_length", max_length=longest, truncation=True
        )
        return _rows(self._call("get_text_features", inputs))

    def _call(self, method: str, inputs: Any) -> Any:
        import torch

        with torch.inference_mode():
            return getattr(self._model, method)(**inputs)


def _rows(output: Any) -> np.ndarray:
    """(n, d) float32 unit rows of what a model returned, which in newer versions is wrapped."""
    pooled = getattr(output, "pooler_output", None)
    tensor = output if pooled is None else pooled
    rows = tensor.float().cpu().numpy()
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _loaded(name: str) -> tuple[Any, Any]:
    try:
        from transformers import AutoModel, AutoProcessor
    except ImportError as error:
        raise InputError(f"--model {name}: needs transformers: pip install 'camera-lucida[hf]'") from error
    from lucida.media import settings

    only_here = settings.offline()
    try:
        model = AutoModel.from_pretrained(name, local_files_only=only_here).eval()
        processor = AutoProcessor.from_pretrained(name, local_files_only=only_here)
    except (OSError, ValueError) as error:
        raise InputError(f"--model {name}: {str(error).splitlines()[0]}") from error
    if not (hasattr(model, "get_text_features") and hasattr(model, "get_image_features")):
        raise InputError(f"--model {name}: is not a model of pictures and text (CLIP, SigLIP)")
    return model, processor
