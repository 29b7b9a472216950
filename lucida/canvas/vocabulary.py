"""One vocabulary for everything a canvas can hold: words, region markers, coordinates, times, image codes.

Ids are laid out in consecutive blocks; every offset is derived from the block table in one place, so appending image
codes or enlarging a block cannot leave a stale constant behind. Text is a byte-level BPE, so any string round-trips,
save for white space at its ends and around region markers, which is set as in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lucida.media.errors import InputError

SPECIALS = (
    "mask", "end", "start", "cell", "replay", "cover", "null", "answer",
    *(f"hint{i}" for i in range(10)),  # a class name from the tower follows; the digit is its probability in tenths
    *(f"style{i}" for i in range(16)),  # asks for one way of phrasing
    *(f"reserved{i}" for i in range(30)),
)  # fmt: skip
_TAGGED = re.compile(r"(<(?:0|[1-9][0-9]*)>)")
_NO_SPACE_BEFORE = tuple("?,.;:!")


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Sizes of the blocks. ``bpe``: name of the shipped merge table, or a path to a ``tokenizers`` JSON file."""

    bpe: str = "bpe-4096"
    text: int = 4096
    regions: int = 64
    coordinates: int = 1000
    times: int = 1000
    image_codes: int = 0


class Vocabulary:
    """Ids for text and for everything that is not text.

    >>> v = Vocabulary()
    >>> v.decode(v.encode("left of <2>"))
    'left of <2>'
    """

    def __init__(self, config: VocabularyConfig | None = None) -> None:
        self.config = config or VocabularyConfig()
        sizes = {
            "text": self.config.text,
            "special": len(SPECIALS),
            "region": self.config.regions,
            "coordinate": self.config.coordinates,
            "time": self.config.times,
            "image": self.config.image_codes,
        }
        self.offset: dict[str, int] = {}
        total = 0
        for name, size in sizes.items():
            self.offset[name] = total
            total += size
        self.sizes = sizes
        self.size = total

    def __len__(self) -> int:
        return self.size

    # -- single ids -------------------------------------------------------------------------------------------

    def special(self, name: str) -> int:
        """Id of a special token, for example ``special("mask")``."""
        try:
            return self.offset["special"] + SPECIALS.index(name)
        except ValueError:
            raise ValueError(f"no special token {name!r}; there are {', '.join(SPECIALS[:8])}, ...") from None

    @cached_property
    def mask(self) -> int:
        """Id of the absorbing state."""
        return self.special("mask")

    @cached_property
    def end(self) -> int:
        """Id that closes an answer."""
        return self.special("end")

    @cached_property
    def start(self) -> int:
        """Id that a causal (twin) answer begins with."""
        return self.special("start")

    def region(self, n: int) -> int:
        """Id of the marker ``<n>``, n from 1."""
        return self._numbered("region", n - 1, f"region marker <{n}>")

    def coordinate(self, x: float) -> int:
        """Id of a coordinate in [0, 1], rounded down to its bin."""
        return self._numbered("coordinate", self._bin(x, self.config.coordinates), f"coordinate {x}")

    def time(self, fraction: float) -> int:
        """Id of a moment, as a fraction of the clip in [0, 1]."""
        return self._numbered("time", self._bin(fraction, self.config.times), f"time {fraction}")

    def image_code(self, code: int) -> int:
        """Id of a discrete image code."""
        return self._numbered("image", code, f"image code {code}")

    def hint(self, probability: float) -> int:
        """Id of the hint marker for a class probability in [0, 1]."""
        return self.special(f"hint{min(int(probability * 10), 9)}")

    @staticmethod
    def _bin(x: float, bins: int) -> int:
        if not 0 <= x <= 1:
            raise InputError(f"{x} is outside [0, 1]")
        return min(int(x * bins), bins - 1)

    def _numbered(self, block: str, n: int, what: str) -> int:
        if not 0 <= n < self.sizes[block]:
            raise InputError(f"{what} is outside the vocabulary's {self.sizes[block]} {block} ids")
        return self.offset[block] + n

    # -- sets of ids ------------------------------------------------------------------------------------------

    @lru_cache(maxsize=64)  # noqa: B019 - one vocabulary lives as long as its model
    def allowed(self, kinds: str) -> Tensor:
        """Ids that an answer position may take: block names joined by "+", for example "text+region+end".

        The mask is never among them, or a decode could end with masks.

        Returns:
            Sorted ids, int64 (V',).

        Raises:
            ValueError: an unknown name, or a set without ids.
        """
        ids: set[int] = set()
        for kind in kinds.split("+"):
            if kind in self.sizes:
                ids.update(range(self.offset[kind], self.offset[kind] + self.sizes[kind]))
            else:
                ids.add(self.special(kind))
        ids.discard(self.mask)
        if not ids:
            raise ValueError(f"no ids are allowed by {kinds!r}")
        return torch.tensor(sorted(ids))

    # -- text -------------------------------------------------------------------------------------------------

    @cached_property
    def _bpe(self) -> Any:
        from tokenizers import Tokenizer

        path = Path(self.config.bpe)
        if path.suffix == ".json":
            bpe = Tokenizer.from_file(str(path))
        else:
            text = resources.files("lucida.canvas").joinpath(f"data/{self.config.bpe}.json").read_text()
            bpe = Tokenizer.from_str(text)
        if bpe.get_vocab_size() > self.config.text:
            raise ValueError(f"{self.config.bpe} has {bpe.get_vocab_size()} entries, text block {self.config.text}")
        return bpe

    def encode(self, text: str) -> list[int]:
        """Ids of a text; ``<n>`` becomes the region marker n. Words are encoded with a leading space.

        Raises:
            InputError: a marker beyond the vocabulary's regions, or half a surrogate pair.
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"text {text!r} is not Unicode: {error.reason}") from None
        ids: list[int] = []
        for piece in _TAGGED.split(text):
            if _TAGGED.fullmatch(piece):
                ids.append(self.region(int(piece[1:-1])))
            elif piece.strip():
                ids.extend(self._bpe.encode(" " + piece.strip()).ids)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids up to the first end token; specials other than region markers are left out."""
        text, run = "", []

        def join(piece: str, marker: bool) -> None:
            nonlocal text
            tight = text.endswith(">") and piece.startswith(_NO_SPACE_BEFORE) and not marker
            text += ("" if tight or not text else " ") + piece

        def flush() -> None:
            if piece := self._bpe.decode(run).strip():
                join(piece, marker=False)
            run.clear()

        for i in ids:
            if i == self.end:
                break
            if i < self.offset["special"]:
                run.append(i)
            elif self.offset["region"] <= i < self.offset["coordinate"]:
                flush()
                join(f"<{i - self.offset['region'] + 1}>", marker=True)
        flush()
        return text

    def token(self, i: int) -> str:
        """One id as a readable piece, for canvases drawn on a terminal or a page."""
        if i < self.offset["special"]:
            return self._bpe.decode([i]).strip() or "␣"
        if i < self.offset["region"]:
            return f"[{SPECIALS[i - self.offset['special']]}]"
        for block in ("image", "time", "coordinate"):
            if self.sizes[block] and i >= self.offset[block]:
                return f"[{block} {i - self.offset[block]}]"
        return f"<{i - self.offset['region'] + 1}>"


def train_bpe(sentences: Iterable[str], size: int, path: str | Path) -> None:
    """Learn a byte-level BPE of ``size`` entries from ``sentences`` and write it as a ``tokenizers`` JSON file."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from lucida.media.files import atomic_write

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(sentences, trainer)
    atomic_write(path, bpe.to_str())
