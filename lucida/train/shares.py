"""Whose rows of a step are whose, and its seeds: pure functions, so that a resumed run sees the same."""

from __future__ import annotations

from lucida.media.errors import InputError


def seed_of(*parts: int) -> int:
    """A seed made of whole numbers, the same on every machine (Python's hash of them is not salted)."""
    return hash(parts) & 0x7FFFFFFFFFFFFFFF


def share_of(rows: int, rank: int, processes: int, *, name: str = "recipe.rows") -> slice:
    """The rows of a step that process ``rank`` of ``processes`` takes.

    Raises:
        InputError: they do not divide; a row that nobody takes would be dropped silently.
    """
    if rows % processes:
        raise InputError(f"{name}: {rows} do not divide by {processes} processes")
    mine = rows // processes
    return slice(rank * mine, (rank + 1) * mine)
