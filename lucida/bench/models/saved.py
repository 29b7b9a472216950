"""Replies that exist already: a predictions file, a scripted oracle, a trivial baseline."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lucida.bench.cache import digest
from lucida.bench.prepare import Prepared, Shows
from lucida.bench.protocol import Protocol
from lucida.bench.records import Reply, to_json
from lucida.media.errors import InputError


class SavedModel:
    """Answers from a table of replies by request id; a request that is not in it is an error reply."""

    concurrency = 1
    shows: Shows = "nothing"
    batches = False
    by_id = True

    def __init__(self, name: str, replies: Mapping[str, Reply], problems: Sequence[str] = ()) -> None:
        self.name, self.replies, self.problems = name, replies, tuple(problems)
        self.identity: Mapping[str, Any] = {
            "saved": digest([to_json(replies[key]) for key in sorted(replies)])
        }

    def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
        """The saved replies."""
        return [
            self.replies.get(one.request.id) or one.reply("", model=self.name, error=f"not in {self.name}")
            for one in requests
        ]


def predictions_model(path: Path, protocol: Protocol) -> SavedModel:
    """Replies from a file in any form that ``protocol`` reads."""
    replies, problems = protocol.read_predictions(path)
    return SavedModel(f"file:{path.name}", replies, problems)


def oracle_model(name: str, protocol: Protocol) -> SavedModel:
    """One of the protocol's oracles or baselines; without a name, the truth.

    Raises:
        InputError: it has none of that name.
    """
    known = protocol.baselines()
    name = name or ("oracle" if "oracle" in known else "perfect")
    full = name if name in known else f"oracle-{name}"
    if full not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean {near[0]!r}?" if near else ""
        raise InputError(f"--model oracle:{name}: {protocol.name} has {', '.join(known) or 'none'}{hint}")
    return SavedModel(f"oracle:{full}", known[full])
