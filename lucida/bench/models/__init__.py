"""Models under test, by what a user types."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from lucida.bench.models.base import Model as Model
from lucida.bench.models.base import Unavailable as Unavailable
from lucida.bench.protocol import Protocol
from lucida.media.errors import InputError

FORMS = """\
openai:http://host:port/v1#name   any OpenAI-compatible endpoint (key in OPENAI_API_KEY)
hf:NAME                           a transformers image-text model (extra hf)
file:PATH                         saved predictions (a run folder, .jsonl or .json)
oracle                            the protocol's scripted truth
oracle:NAME                       another scripted oracle or trivial baseline of the protocol
skill:NAME                        a scripted way of watching (VideoZeroBench, joint or not)
class:package.module:Class        your own model
NAME                              one of Lucida's systems, as lucida.load(NAME)"""


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Settings of a model under test.

    Attributes:
        concurrency: requests under way at once (endpoints). rate: most requests a minute, None for no limit.
        retries: attempts after the first, with growing pauses. timeout: seconds of one attempt.
        temperature: 0 is greedy. seed: of sampling.
        key: API key; default the variable OPENAI_API_KEY.
        stamps: put each frame's time before it as text.
        style: phrasing of Lucida's describer.
        device: of a local model.
    """

    concurrency: int = 8
    rate: float | None = None
    retries: int = 5
    timeout: float = 600.0
    temperature: float = 0.0
    seed: int = 0
    key: str | None = None
    stamps: bool = True
    style: int = 0
    device: str | None = None

    def __post_init__(self) -> None:
        for name, low in (("concurrency", 1), ("retries", 0), ("temperature", 0)):
            if getattr(self, name) < low:
                raise InputError(f"--{name} {getattr(self, name)}: want at least {low}")
        for name in ("rate", "timeout"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise InputError(f"--{name} {value}: want more than 0")


def load_model(spec: str, protocol: Protocol, options: ModelOptions | None = None) -> Model:
    """The model a user means by ``spec``, see :data:`FORMS`.

    Raises:
        InputError: no such form, file, oracle, class or system.
    """
    options = options or ModelOptions()
    form, colon, rest = spec.partition(":")
    if colon and form in ("openai", "hf", "file", "oracle", "skill", "class") and not rest:
        raise InputError(f"--model {spec}: nothing after the colon")
    if form == "openai" and colon:
        from lucida.bench.models.endpoint import EndpointModel

        return EndpointModel(rest, options)
    if form == "hf" and colon:
        from lucida.bench.models.transformers_model import TransformersModel

        return TransformersModel(rest, options)
    if form in ("file", "oracle") and colon:
        from lucida.bench.models.saved import oracle_model, predictions_model

        return predictions_model(Path(rest), protocol) if form == "file" else oracle_model(rest, protocol)
    if spec == "oracle":
        from lucida.bench.models.saved import oracle_model

        return oracle_model("", protocol)
    if form == "skill" and colon:
        from lucida.bench.models.skills import skill_model

        return skill_model(rest, protocol)
    if form == "class" and colon:
        return _own_class(rest, options)
    from lucida.bench.models.lucida_system import LucidaModel

    return LucidaModel(spec, options)


def _own_class(target: str, options: ModelOptions) -> Any:
    module, _, name = target.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--model class:{target}: {error}") from error
    model = kind(options)
    defaults = {
        "name": name,
        "identity": {"class": target},
        "concurrency": 1,
        "shows": "plain",
        "batches": False,
    }
    for attribute, value in defaults.items():
        if not hasattr(model, attribute):
            setattr(model, attribute, value)
    return model
