"""Encoded texts are kept by content: the same list is encoded once, another list or a damaged file anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lucida.bench.sentence import WIDTH
from lucida.bench.sentence_cache import LONG, Sentences

TEXTS = [f"thing {n}" for n in range(LONG)]


class Counting:
    """An encoder whose vectors depend on the text alone; counts what it was asked."""

    def __init__(self) -> None:
        self.made = 0
        self.asked: list[int] = []

    def __call__(self) -> Counting:
        self.made += 1
        return self

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(len(texts))
        rows = [np.random.default_rng(list(text.encode())).normal(size=WIDTH) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def sentences(counting: Counting, folder: Path) -> Sentences:
    return Sentences(lambda: counting().encode, folder)


def test_the_same_texts_are_encoded_once(tmp_path: Path) -> None:
    """In another process, as it were: there the encoder is not even made."""
    first, second = Counting(), Counting()
    vectors = sentences(first, tmp_path / "new").encode(TEXTS)
    again = sentences(second, tmp_path / "new").encode(tuple(TEXTS))
    assert np.array_equal(vectors, again) and again.dtype == np.float32
    assert (first.made, first.asked, second.made) == (1, [LONG], 0)
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npy"]


def test_other_texts_are_other_content(tmp_path: Path) -> None:
    counting = Counting()
    words = sentences(counting, tmp_path)
    for texts in (TEXTS, TEXTS[::-1], [*TEXTS[:-1], "a fox"], [*TEXTS, "a fox"]):
        assert np.array_equal(words.encode(texts), counting.encode(texts))
    assert counting.asked == [n for n in (LONG, LONG, LONG, LONG + 1) for _ in range(2)] and counting.made == 1


def test_a_few_texts_leave_no_file(tmp_path: Path) -> None:
    counting = Counting()
    words = sentences(counting, tmp_path)
    assert words.encode(["a fox"]).shape == (1, WIDTH) and words.encode(TEXTS[1:]).shape == (LONG - 1, WIDTH)
    assert counting.asked == [1, LONG - 1] and not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"nonsense", "short", "nan", "double"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: bytes | str) -> None:
    vectors = sentences(Counting(), tmp_path).encode(TEXTS)
    [file] = tmp_path.iterdir()
    if isinstance(damage, bytes):
        file.write_bytes(damage)
    else:
        np.save(file, {"short": vectors[1:], "nan": vectors * np.nan, "double": vectors.astype(float)}[damage])
    assert np.array_equal(sentences(Counting(), tmp_path).encode(TEXTS), vectors)
    assert np.array_equal(np.load(file), vectors)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.warns(UserWarning, match="cannot keep 64 encoded texts: cannot write"):
        assert sentences(Counting(), tmp_path / "file" / "in").encode(TEXTS).shape == (LONG, WIDTH)


def test_it_lies_in_lucida_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCIDA_HOME", str(tmp_path))
    Sentences(lambda: Counting().encode).encode(TEXTS)
    assert len(list((tmp_path / "cache" / "sentences").glob("*.npy"))) == 1
