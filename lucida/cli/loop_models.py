"""The models of a loop: checked before any work, read when they are first needed."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from lucida.cli.results import stamp_of
from lucida.media.errors import InputError
from lucida.models.store import read_config, resolve_weights

NONE = "none"
MAKE = {
    "draw": ("generate", "a generator", "lucida train generate, after lucida train tokenize"),
    "segment": ("segment", "a segmenter", "lucida train segment, or --segment-model none"),
    "describe": ("describe", "a describer", "lucida train describe"),
}
"""Job to (system, what it is, how it is made)."""


class Models:
    """The three systems and perhaps a judge.

    Raises:
        InputError: a model is not there or runs another system; the message says what makes it.
    """

    def __init__(self, *, draw: str, segment: str, describe: str, judge: str | None) -> None:
        self._given = {"draw": draw, "segment": segment, "describe": describe}
        self._judge = judge
        self.names: dict[str, str | None] = {}
        self._sums: list[object] = []
        for job, name in self._given.items():
            if job == "segment" and name == NONE:
                self.names[job] = None
                continue
            config = checked(job, name)
            self._sums.append(config.get("weights_sha256"))
            self.names[job] = name
        if judge is not None:
            self._sums.append(read_config(resolve_weights(judge)).get("weights_sha256"))
            self.names["judge"] = judge

    def stamp(self, *parts: object) -> str:
        """A short hash of what a result depends on, the weights included."""
        return stamp_of(self.names, self._sums, *parts)

    @cached_property
    def generator(self) -> Any:
        """What draws."""
        return _load(self._given["draw"])

    @cached_property
    def segmenter(self) -> Any:
        """What says the classes; None where there is to be none."""
        return None if self.names["segment"] is None else _load(self._given["segment"])

    @cached_property
    def describer(self) -> Any:
        """What describes and answers."""
        return _load(self._given["describe"])

    @cached_property
    def judge(self) -> Any:
        """What judges from outside, if anything."""
        if self._judge is None:
            return None
        from lucida.models.dense_judge import load_judge

        return load_judge(self._judge)


def checked(job: str, name: str) -> dict[str, Any]:
    """The config of a model for a job (and, of a generator, the presence of its tokenizer).

    Raises:
        InputError: it is not there, or runs another system.
    """
    system, what, make = MAKE[job]
    try:
        config = read_config(resolve_weights(name))
        if job == "draw" and "tokenizer" in config:
            resolve_weights(str(config["tokenizer"]))
    except InputError as error:
        raise InputError(f"--{job}-model: {error}; {what} is made by: {make}") from error
    if (found := config.get("system")) != system:
        is_ = f"runs the system {found!r}" if found else "is a part"
        raise InputError(f"--{job}-model {name}: {is_}, not {what}; one is made by: {make}")
    return config


def _load(name: str) -> Any:
    from lucida.systems.registry import load

    return load(name)
