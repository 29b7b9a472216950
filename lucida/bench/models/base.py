"""What a model under test is: one small class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lucida.bench.prepare import Prepared, Shows
from lucida.bench.records import Reply


class Model(Protocol):
    """A model under test.

    Attributes:
        name: for tables.
        identity: everything that can change a reply: model id and revision, decoding settings, seed. JSON.
        concurrency: calls of ``generate`` that may run at once.
        shows: how it wants media, see :data:`~lucida.bench.prepare.Shows`.
        batches: whether requests of one group come in one call (otherwise one request a call).

    A class may set ``by_id = True``: its reply hangs on the request's id, so equal questions share no reply.
    """

    name: str
    identity: Mapping[str, Any]
    concurrency: int
    shows: Shows
    batches: bool

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """One reply per request, in order. A failed request may raise, or give a reply with ``error``.

        Raises:
            Unavailable: nothing is wrong with the request, but the model cannot be reached.
        """
        ...


class Unavailable(Exception):
    """The model cannot be reached. Many of these in a row end the run, which can be resumed."""
