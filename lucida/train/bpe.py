"""Learn the shipped BPE: `python -m lucida.train.bpe lucida/canvas/data/bpe-4096.json`.

It reads sentences of the world in every wording and the names of everything a caption may name: artwork, photographic
cut-outs, ImageNet's classes. Changing it changes every id, so it is done once; models carry the table's name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from lucida.canvas.vocabulary import train_bpe
from lucida.models.imagenet_names import basic_names, names
from lucida.world.language import corpus
from lucida.world.nouns import noun_table
from lucida.world.stamps import LEMMAS

SENTENCES, REPEATS = 60_000, 40


def sentences() -> Iterator[str]:
    """Everything the table is learned from; names are repeated so that each becomes one token where it is one word."""
    for sentence in corpus(SENTENCES, 0):
        yield " " + sentence
    for name in (*basic_names(), *noun_table().values(), *LEMMAS):
        yield from [" " + name] * REPEATS
    for index in range(1000):
        yield from (" " + name for name in names(index))
    for request in ("describe <1>", "describe the picture"):
        yield from [" " + request] * REPEATS


if __name__ == "__main__":
    train_bpe(sentences(), 4096, sys.argv[1])
