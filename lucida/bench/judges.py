"""Judges: a served model with cached verdicts and a strict schema, or the offline sentence encoder."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.bench.cache import Cache, digest
from lucida.bench.judge import Judge, Question, Refusal
from lucida.bench.models import ModelOptions
from lucida.bench.models.base import Unavailable
from lucida.media.errors import InputError
from lucida.media.files import atomic_write

if TYPE_CHECKING:
    from lucida.bench.protocol import Protocol
    from lucida.bench.records import Score

FORMS = "openai:http://host:port/v1#name, sentence, or recorded:FILE"
LONGEST = 1024  # pixels of a picture's longer side
ROUNDS = 8  # a rubric may ask on after an answer; more rounds than this is a fault of the protocol


class EndpointJudge:
    """A served model that must reply ``{"verdict": one of the options}``. Anything else is a refusal, also later:
    the verdict and the refusal are both kept under (judge, settings, prompt, options).

    Attributes:
        asked: calls made. cached: verdicts found in the cache. refused: refusals, each counted once per question;
            reasons: why, and how often.
    """

    def __init__(self, target: str, cache: Cache, options: ModelOptions | None = None) -> None:
        from lucida.bench.models.chat import Chat

        self.options = options or ModelOptions()
        self.chat = Chat(target, self.options)
        self.name = f"{self.chat.name} at temperature {self.options.temperature:g}"
        self.cache = cache
        self.asked = self.cached = self.refused = 0
        self.reasons: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, str]] = {}

    def choose(self, question: Question) -> str:
        """The verdict.

        Raises:
            Refusal: a reply outside the schema, or no reply.
        """
        key = self._key(question)
        known = self._find(key)
        if known is None:
            known = self._ask(question)
            with self._lock:
                self._known[key] = known
            if "unavailable" not in known:
                atomic_write(self._place(key), json.dumps({"judge": self.name, **known}))
        if known.get("verdict") not in question.options:
            raise Refusal(known.get("refusal") or known.get("unavailable") or "verdict outside the options")
        return known["verdict"]

    def known(self, question: Question) -> bool:
        """Whether the answer is there without a call."""
        return self._find(self._key(question)) is not None

    def _key(self, question: Question) -> str:
        settings = {"temperature": self.options.temperature, "seed": self.options.seed, "url": self.chat.url}
        seen = [[self.cache.media_hash(path) for path in question.images]] if question.images else []
        return digest([self.chat.name, settings, question.prompt, question.options, *seen])

    def _place(self, key: str) -> Any:
        return self.cache.folder / "verdicts" / key[:2] / f"{key}.json"

    def _find(self, key: str) -> dict[str, str] | None:
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            found = json.loads(self._place(key).read_text(encoding="utf-8"))
            assert isinstance(found, dict)
        except (OSError, ValueError, AssertionError):
            return None
        with self._lock:
            self.cached += 1
            self._known[key] = found
        return found

    def _ask(self, question: Question) -> dict[str, str]:
        schema = {
            "type": "object", "properties": {"verdict": {"type": "string", "enum": list(question.options)}},
            "required": ["verdict"], "additionalProperties": False,
        }  # fmt: skip
        shape = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}
        ask = f'Reply with JSON only: {{"verdict": V}} where V is one of {json.dumps(list(question.options))}.'
        with self._lock:
            self.asked += 1
        try:
            content = [*map(_shown, question.images), {"type": "text", "text": question.prompt}]
            user = {"role": "user", "content": content if question.images else question.prompt}
            messages = [{"role": "system", "content": ask}, user]
            completion = self.chat.complete(messages, max_tokens=512, response_format=shape)
        except Unavailable as error:
            return self._refusal("unavailable", str(error))
        except InputError as error:
            return self._refusal("refusal", str(error))
        text = (completion.choices[0].message.content or "") if completion.choices else ""
        try:
            found = json.loads(text)
        except ValueError:
            return self._refusal("refusal", f"not JSON: {text[:80]!r}")
        verdict = found.get("verdict") if isinstance(found, dict) else None
        if verdict not in question.options or len(found) != 1:
            return self._refusal("refusal", f"outside the schema: {text[:80]!r}")
        return {"verdict": verdict}

    def _refusal(self, kind: str, why: str) -> dict[str, str]:
        with self._lock:
            self.refused += 1
            self.reasons[why] += 1
        return {kind: why}


def _shown(path: Path) -> dict[str, Any]:
    """A picture as a content part, scaled down to what judges look at.

    Raises:
        InputError: it cannot be read.
    """
    from base64 import b64encode

    from lucida.media.image import Image

    jpeg = Image.open(path).fitted(LONGEST).encoded("JPEG", quality=95, subsampling=0)
    return {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + b64encode(jpeg).decode("ascii")}}


class _Collector:
    """Stands in for a judge to learn what would be asked: unknown questions are noted and refused."""

    def __init__(self, judge: EndpointJudge) -> None:
        self.judge, self.name = judge, judge.name
        self.open: dict[str, Question] = {}

    def choose(self, question: Question) -> str:
        if self.judge.known(question):
            return self.judge.choose(question)
        self.open[digest([question.prompt, question.options, question.images])] = question
        raise Refusal("not asked yet")


def score_with_judge(
    scoring: Callable[[Judge], Score], judge: Judge, say: Callable[[int], None] | None = None
) -> Score:
    """``scoring(judge)``, with an endpoint's verdicts fetched concurrently first.

    The protocol is scored once against a collector, which learns what would be asked; the questions then go out
    together, until nothing is open. So scoring stays a pure, serial function.
    """
    if isinstance(judge, EndpointJudge):
        for _ in range(ROUNDS):
            collector = _Collector(judge)
            scoring(collector)
            if not collector.open:
                break
            if say is not None:
                say(len(collector.open))
            with ThreadPoolExecutor(judge.options.concurrency) as pool:
                list(pool.map(lambda question: _quietly(judge, question), collector.open.values()))
    return scoring(judge)


def _quietly(judge: Judge, question: Question) -> None:
    try:
        judge.choose(question)
    except Refusal:
        return  # kept by the judge; scoring will meet it again


class SentenceJudge:
    """The offline sentence encoder as a judge: the option whose meaning is nearest to what is judged.

    It refuses where a question gives no texts to compare, where nothing is near, and where two options are nearly as
    near: ``encode`` gives unit vectors, ``least`` is the smallest similarity, ``margin`` the smallest lead.
    """

    def __init__(
        self, encode: Callable[[Sequence[str]], Any] | None = None, *, least: float = 0.35, margin: float = 0.05
    ) -> None:
        if encode is None:
            from lucida.bench.sentence import SentenceEncoder

            encode = SentenceEncoder()
        self.encode = encode
        self.least, self.margin = least, margin
        self.name = f"all-MiniLM-L6-v2, similarity >= {least:g}, lead >= {margin:g}"

    def choose(self, question: Question) -> str:
        """The nearest option.

        Raises:
            Refusal: nothing to compare, nothing near, or no clear lead.
        """
        if question.images:
            raise Refusal("a judge of texts sees no pictures")
        if len(question.texts) != len(question.options) or not question.about.strip():
            raise Refusal("nothing to compare")
        import numpy as np

        vectors = np.asarray(self.encode([question.about, *question.texts]))
        near = vectors[1:] @ vectors[0]
        order = np.argsort(-near, kind="stable")
        if near[order[0]] < self.least:
            raise Refusal(f"nothing near: {near[order[0]]:.2f}")
        if len(order) > 1 and near[order[0]] - near[order[1]] < self.margin:
            raise Refusal("no clear lead")
        return question.options[int(order[0])]


def load_judge(
    spec: str | None, cache: Cache, options: ModelOptions | None = None, *, protocol: Protocol | None = None
) -> Judge | None:
    """The judge a user means, see :data:`FORMS`; None without one.

    Args:
        protocol: what reads a file of recorded verdicts.

    Raises:
        InputError: no such judge, the extra or the file that it needs is missing, or the protocol reads no verdicts.
    """
    if spec is None:
        return None
    form, _, rest = spec.partition(":")
    if form == "openai" and rest:
        return EndpointJudge(rest, cache, options)
    if form == "recorded" and rest:
        read = getattr(protocol, "read_verdicts", None)
        if read is None:
            name = protocol.name if protocol is not None else "no protocol"
            raise InputError(f"--judge {spec}: {name} has no released verdicts to read")
        return read(Path(rest).expanduser())
    if spec == "sentence":
        return SentenceJudge()
    raise InputError(f"--judge {spec}: want {FORMS}")


def tally(judge: Judge) -> str:
    """What the judge did, in a line; empty where it does not count."""
    if not isinstance(judge, EndpointJudge):
        return ""
    known = f"{judge.cached} verdicts from the cache"
    why = f" (mostly: {judge.reasons.most_common(1)[0][0][:160]})" if judge.reasons else ""
    return f"judge {judge.name}: {judge.asked} questions asked, {judge.refused} refused{why}, {known}"
