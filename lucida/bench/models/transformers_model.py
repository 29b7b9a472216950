"""A local ``transformers`` image-text model (extra ``hf``): chat template in, greedy text out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lucida.bench.prepare import Prepared, Shows
from lucida.bench.records import Reply
from lucida.media import settings

if TYPE_CHECKING:
    from lucida.bench.models import ModelOptions


class TransformersModel:
    """Frames go in as separate pictures, each after its time; regions are outlined and numbered."""

    shows: Shows = "outlined"
    batches = False
    concurrency = 1

    def __init__(self, name: str, options: ModelOptions) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor  # pyright: ignore

        local = settings.offline()
        self._torch, self.options, self.name = torch, options, name
        self.device = options.device or settings.device()
        self.processor: Any = AutoProcessor.from_pretrained(name, local_files_only=local)
        model: Any = AutoModelForImageTextToText.from_pretrained(name, local_files_only=local, dtype="auto")
        self.model = model.to(self.device).eval()
        self.identity: Mapping[str, Any] = {
            "transformers": name, "revision": getattr(model.config, "_commit_hash", None), "seed": options.seed,
            "temperature": options.temperature, "stamps": options.stamps, "shows": self.shows,
        }  # fmt: skip

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """One by one."""
        return [self._one(prepared) for prepared in requests]

    def _one(self, prepared: Prepared) -> Reply:
        from lucida.media.image import Image

        content: list[dict[str, Any]] = []
        for medium in prepared.shown:
            for number, jpeg in enumerate(medium.encoded()):
                if medium.times and self.options.stamps:
                    content.append({"type": "text", "text": f"<{medium.times[number]:.2f} seconds>"})
                content.append({"type": "image", "image": Image.open(jpeg).to_pil()})
        content.append({"type": "text", "text": prepared.prompt})
        system = prepared.request.system
        chat = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
        begin = time.perf_counter()
        inputs = self.processor.apply_chat_template(
            [*chat, {"role": "user", "content": content}], add_generation_prompt=True, tokenize=True,
            return_dict=True, return_tensors="pt",
        ).to(self.device)  # fmt: skip
        self._torch.manual_seed(self.options.seed)
        hot = self.options.temperature > 0
        sampling = {"do_sample": True, "temperature": self.options.temperature} if hot else {"do_sample": False}
        with self._torch.inference_mode():
            written = self.model.generate(**inputs, max_new_tokens=prepared.request.max_tokens, **sampling)
        new = written[0, inputs["input_ids"].shape[1] :]
        text = self.processor.decode(new, skip_special_tokens=True)
        seconds = time.perf_counter() - begin
        cost = {"prompt_tokens": float(inputs["input_ids"].shape[1])}
        return prepared.reply(text, model=self.name, seconds=seconds, tokens=len(new), cost=cost)
