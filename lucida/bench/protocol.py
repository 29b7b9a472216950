"""A protocol: reads official files as they are, says what to ask, scores what came back. One file and one line each."""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lucida.bench.records import Reply, Request, Row, Score, count_statuses, to_json
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.bench.judge import Judge

PROTOCOLS: dict[str, str] = {
    "dlc": "lucida.bench.protocols.dlc:DLCBench",
    "paradlc": "lucida.bench.protocols.paradlc:ParaDLCBench",
    "gar-vqa": "lucida.bench.protocols.gar:GARVQA",
    "gar-caption-simple": "lucida.bench.protocols.gar:GARCaptionSimple",
    "gar-caption-detailed": "lucida.bench.protocols.gar:GARCaptionDetailed",
    "videozero": "lucida.bench.protocols.videozero:VideoZeroBench",
    "videozero-joint": "lucida.bench.protocols.videozero_joint:VideoZeroJoint",
    "vstar": "lucida.bench.protocols.vstar:VSTaR",
    "grounding": "lucida.bench.protocols.grounding:TemporalGrounding",
    "ovo": "lucida.bench.protocols.ovo:OVOBench",
    "streaming": "lucida.bench.protocols.streaming:StreamingBench",
    "parabench": "lucida.bench.protocols.parabench:ParaBench",
}
"""Name to ``module:Class``. A new protocol is one file and one line here."""
MOST_NAMED = 8  # missing files named in one line


class Protocol(abc.ABC):
    """What every protocol is. Attributes of the class say what it is; of the instance, what was read.

    Attributes:
        name: as in the registry. title: for tables. licence: of the data, for tables.
        headline: the name in ``Score.summary`` (or of a row score) that comparisons use by default.
        parser: a version tag of the reply parser and scorer; change it when a score may change.
        data: the folder that was read; media paths are relative to it.
        problems: malformed rows, duplicate ids, missing files: one line each, named; never dropped in silence.
        asked: everything to ask. sources: the annotation files that were read. wording: whose prompts are used.
        part: in words, where only some of the items are asked and scored.
        pools: the attributes that hold the items.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str] = "unknown"
    headline: ClassVar[str] = ""
    parser: ClassVar[str] = "1"
    pools: ClassVar[tuple[str, ...]] = ("items",)

    data: Path
    problems: tuple[str, ...] = ()
    asked: Sequence[Request] = ()
    sources: tuple[Path, ...] = ()
    wording: str = "lucida"
    part: str = ""

    @classmethod
    @abc.abstractmethod
    def load(cls, data: Path, **options: Any) -> Self:
        """Read the official files under ``data``.

        Raises:
            InputError: the folder does not hold this benchmark, or an unknown option.
        """

    @classmethod
    def only_known(cls, options: Mapping[str, Any]) -> None:
        """For ``load``: what is left of the options must be nothing.

        Raises:
            InputError: an option that the protocol does not have.
        """
        if options:
            raise InputError(f"{cls.name}: unknown option {next(iter(options))!r}")

    def loaded(
        self, data: Path, sources: Sequence[Path], requests: Sequence[Request], problems: Iterable[str],
        wording: str = "lucida",
    ) -> Self:  # fmt: skip
        """For ``load``: keep what was read and what will be asked; media that are missing become a problem.

        Raises:
            InputError: nothing that can be asked was read.
        """
        problems = tuple(problems)
        if not requests:
            where = sources[0] if sources else f"--data {data}"
            raise InputError(f"{where}: no usable item; {problems[0] if problems else 'nothing is in it'}")
        self.asked, self.sources, self.wording = tuple(requests), tuple(sources), wording
        self.problems = (*problems, *missing_media(data, requests))
        return self

    def requests(self) -> Sequence[Request]:
        """Everything to ask, in an order that keeps requests of one video together."""
        return self.asked

    def first(self, count: int) -> None:
        """From now on only the first ``count`` items are asked and scored; scores and baselines say so.

        Raises:
            InputError: ``count`` is below 1.
        """
        if count < 1:
            raise InputError(f"limit is {count}, want at least 1")
        every = list(dict.fromkeys(request.item for request in self.requests()))
        if count >= len(every):
            return
        kept = set(every[:count])
        self.asked = tuple(request for request in self.asked if request.item in kept)
        for pool in self.pools:
            setattr(self, pool, [one for one in getattr(self, pool) if item_name(one) in kept])
        vars(self).pop("_shown", None)  # what was hashed before
        self.part = f"the first {count} of {len(every)}"

    @abc.abstractmethod
    def score(
        self, replies: Mapping[str, Reply], *, compat: bool = False, judge: Judge | None = None
    ) -> Score:
        """Score replies by request id. Pure: no model, no clock, no randomness; a missing reply scores 0."""

    def follow_ups(self, replies: Mapping[str, Reply]) -> Sequence[Request]:
        """Requests that depend on earlier replies (faithfulness probes). They are asked after the others."""
        return ()

    @classmethod
    def composed(cls, means: Mapping[str, Any]) -> Mapping[str, Any]:
        """Figures of the summary that are no mean of one row score, in 0..1, so that they get an interval, too.

        Args:
            means: of row scores by name, each an array over resamples; a name may be missing, an entry may be NaN.
        """
        return {}

    def baselines(self) -> Mapping[str, Mapping[str, Reply]]:
        """Trivial baselines and scripted oracles by name, with closed-form scores. Names of oracles (which use the
        truth) begin with ``oracle``; the others are printed beside every result."""
        return {}

    def read_predictions(self, path: Path) -> tuple[dict[str, Reply], list[str]]:
        """Replies from a file or run folder, and its problems. Override to read officially released predictions too."""
        from lucida.bench.predictions import read_predictions

        return read_predictions(path)

    def make_score(
        self, rows: Iterable[Row], summary: Mapping[str, float], *, compat: bool, frames: str = "",
        n: int | None = None, judge: Judge | None = None, judged: Mapping[str, float] | None = None,
        ceilings: Mapping[str, float] | None = None, notes: Iterable[str] = (), **provenance: Any,
    ) -> Score:  # fmt: skip
        """A :class:`Score` with its provenance filled in: data and prompt hashes, parser, frame rule, judge."""
        rows = tuple(rows)
        if self.part:
            notes = [f"only {self.part} items are asked and scored: not to be compared with published figures", *notes]
            provenance = {"items": self.part, **provenance}
        known = {
            "data": self.revision, "prompts": self._shown[0], "parser": f"{self.name}/{self.parser}",
            "frames": frames or self._shown[1], "judge": judge.name if judge is not None else "none",
        }  # fmt: skip
        return Score(
            protocol=self.name, rows=rows, summary=dict(summary), n=len(rows) if n is None else n,
            statuses=count_statuses(rows), compat=compat, ceilings=dict(ceilings or {}),
            provenance={**known, **provenance}, judged=judged, notes=tuple(notes),
        )  # fmt: skip

    @cached_property
    def _shown(self) -> tuple[str, str]:
        """Prompt hash and frame rule. Once: every baseline is scored, too, and thousands of requests take a second."""
        requests = self.requests()
        return prompt_hash(requests), frame_rule(requests)

    @property
    def revision(self) -> str:
        """Hash of the annotation files; set ``sources`` in ``load`` to the files that were read."""
        if not hasattr(self, "_revision"):
            self._revision = data_hash(self.sources)
        return self._revision


def load_protocol(name: str, data: str | Path, **options: Any) -> Protocol:
    """The protocol called ``name`` on the data folder.

    Raises:
        InputError: unknown name, no such folder, or not this benchmark's files.
    """
    folder = Path(data).expanduser()
    kind = protocol_class(name)
    if not folder.is_dir():
        raise InputError(f"--data {folder}: no such folder")
    protocol = kind.load(folder, **options)
    protocol.data = folder
    return protocol


def protocol_class(name: str) -> type[Protocol]:
    """The class registered as ``name``.

    Raises:
        InputError: unknown.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol {name!r}: want one of {', '.join(PROTOCOLS)}")
    module, _, attribute = PROTOCOLS[name].partition(":")
    return getattr(import_module(module), attribute)


def item_name(item: Any) -> str:
    """What requests call an item of a pool."""
    return str(getattr(item, "item", None) or getattr(item, "key", None) or item.id)


def missing_media(data: Path, requests: Iterable[Request]) -> list[str]:
    """One line that counts and names media that are not on the disk, if there are any."""
    wanted = {medium.path: medium.kind for request in requests for medium in request.media}
    missing = [path for path in wanted if not (data / path).is_file()]
    if not missing:
        return []
    few = ", ".join(missing[:MOST_NAMED]) + (", …" if len(missing) > MOST_NAMED else "")
    kind = "videos" if set(wanted.values()) == {"video"} else "media"
    return [f"{len(missing)} of {len(wanted)} {kind} are missing: {few}; only saved replies can be scored"]


def data_hash(paths: Iterable[Path]) -> str:
    """First 16 hex digits of the SHA-256 over the names and contents of files, in order of name."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda entry: entry.name):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def prompt_hash(requests: Iterable[Request]) -> str:
    """First 16 hex digits of the SHA-256 over everything that is asked, and how it is shown."""
    digest = hashlib.sha256()
    for request in requests:
        document = {key: value for key, value in to_json(request).items() if key != "meta"}
        digest.update(json.dumps(document, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()[:16]


def frame_rule(requests: Iterable[Request]) -> str:
    """The frame plans of ``requests`` in words, their exact times left out."""
    seen = []
    for request in requests:
        plan = request.frames
        bits = [plan.kind]
        bits += [f"count {plan.count}"] if plan.count else []
        bits += [f"{plan.fps:g} fps"] if plan.fps else []
        bits += ["+ key times"] if plan.times and plan.kind in ("uniform", "fps") else []
        bits += [f"longest {plan.longest} px"] if plan.longest else []
        bits += [f"height {plan.height} px"] if plan.height else []
        rule = " ".join(bits)
        if rule not in seen:
            seen.append(rule)
    return "; ".join(seen) or "none"
