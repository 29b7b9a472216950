"""The endpoint: retries with pauses, rate limit, concurrency, odd replies; Lucida's describer as a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions, load_model
from lucida.bench.models.chat import RateLimit
from lucida.bench.models.endpoint import EndpointModel
from lucida.bench.models.lucida_system import LucidaModel
from lucida.bench.protocols.gar_items import prompt_marks
from lucida.bench.records import MediaRef, Request
from lucida.bench.runner import run
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from tests.bench.toy import FakeEndpoint, Toy, write_toy


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    folder = write_toy(tmp_path / "data", 12, 0)
    protocol = Toy.load(folder)
    protocol.data = folder
    return protocol


def test_busy_and_broken_endpoints_are_asked_again(toy: Toy, tmp_path: Path) -> None:
    def say(body: dict, n: int) -> object:
        return (429, "slow down") if n <= 3 else (503, "starting") if n == 4 else "red"

    with FakeEndpoint(say) as server:
        model = EndpointModel(f"{server.url}#m", ModelOptions(concurrency=3, retries=4))
        result = run(toy, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
    assert result.errors == 0 and len(server.bodies) == 16
    assert server.bodies[0]["temperature"] == 0 and server.bodies[0]["model"] == "m"


def test_calls_overlap_up_to_the_concurrency(toy: Toy, tmp_path: Path) -> None:
    with FakeEndpoint(delay=0.15) as server:
        model = EndpointModel(f"{server.url}#m", ModelOptions(concurrency=4))
        run(toy, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
        assert server.most == 4


def test_the_rate_limit_spaces_calls() -> None:
    limit = RateLimit(60 / 0.05)
    begin = time.monotonic()
    for _ in range(5):
        limit.wait()
    assert time.monotonic() - begin >= 0.19


@pytest.mark.parametrize("text", [None, "", "答案是红色", "🦊\x00\ud83e", "x" * 100_000])
def test_replies_in_any_language_or_none_are_kept_as_they_came(toy: Toy, tmp_path: Path, text: str | None) -> None:
    with FakeEndpoint(lambda body, n: text) as server:
        model = EndpointModel(f"{server.url}#m", ModelOptions(concurrency=2))
        result = run(toy, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
    assert {reply.raw for reply in result.replies.values()} == {text or ""}
    again, _ = toy.read_predictions(tmp_path / "run")
    assert again == result.replies
    assert toy.score(again).statuses["unparsed" if not text else "ok"] == 12


def test_bad_specifications_are_one_line(toy: Toy) -> None:
    for spec, hint in (("openai:", "nothing after"), ("openai:nowhere", "http://host"), ("nothing-like-it", "no model"),
                       ("class:os:nothing", "nothing"), ("file:/no/such", "predictions")):  # fmt: skip
        with pytest.raises(InputError, match=hint):
            load_model(spec, toy)


class Echo:
    """A model of one's own: one small class."""

    def __init__(self, options: ModelOptions) -> None:
        pass

    def generate(self, requests):
        if "of 3 " in requests[0].prompt:
            raise RuntimeError("my bug")
        return [one.reply("red", model="echo") for one in requests]


def test_a_model_of_ones_own_may_even_raise(toy: Toy, tmp_path: Path) -> None:
    model = load_model("class:tests.bench.test_models:Echo", toy)
    result = run(toy, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
    assert result.errors == 1 and result.replies["3/0"].error == "RuntimeError: my bug"


class Regions(Toy):
    """Whatever is asked about one picture, in one group."""

    asked: tuple[Request, ...] = ()

    def requests(self) -> list[Request]:
        return [*self.asked]


@pytest.fixture
def picture(tmp_path: Path) -> Regions:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.from_array(pixels).save(tmp_path / "p.png")
    protocol = Regions([], 1, ())
    protocol.data = tmp_path
    return protocol


REGIONS = [Region.from_box((k / 4, 0.1, (k + 1) / 4, 0.9), (64, 96)) for k in range(3)]


def about(name: str, prompt: str, regions: list[Region], **more: Any) -> Request:
    media = (MediaRef(path="p.png", kind="image"),)
    known = {"item": "p", "cluster": "p", "media": media, "group": "p"}
    return Request(id=name, prompt=prompt, regions=tuple(dict(r.rle) for r in regions), **{**known, **more})


def test_the_describer_answers_a_group_over_one_look(
    picture: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.systems.tiny import tiny_describer

    picture.asked = (
        *(about(f"r{k}", "", [region], task="describe") for k, region in enumerate(REGIONS)),
        about("two", "Describe <Prompt0> by <Prompt1>.", REGIONS[1:], task="describe"),
        about("whole", "", [], task="describe"),
        about("q", "what is <1>?", REGIONS[:1]),
        about("marks", "Marks.\nWhat is <Prompt0>?", REGIONS[:2], meta={"question": "What is <Prompt1>?"}),
        about("bad", "what is <Prompt2>?", REGIONS[:2]),
    )
    model = LucidaModel(str(tiny_describer(tmp_path / "model")), ModelOptions())
    looks: list[object] = []
    look_at = model.system.look
    monkeypatch.setattr(model.system, "look", lambda path: looks.append(path) or look_at(path))
    result = run(picture, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
    replies = result.replies
    assert list(replies) == [one.id for one in picture.asked] and len(looks) == 1
    assert result.errors == 1 and "cites <3>, but has 2" in str(replies["bad"].error)

    look = look_at(tmp_path / "p.png")
    told = look.describe([*REGIONS, REGIONS[1]])
    assert [replies[name].raw for name in ("r0", "r1", "r2", "two")] == [caption.text for caption in told]
    assert replies["whole"].raw == look.caption().text
    assert replies["q"].raw == look.ask("what is <1>?", REGIONS[:1]).text
    # all regions of a request are given, also those that its question does not cite
    [alone] = look.ask_all(["what is <2>?"], REGIONS[:2], cites=[(0, 1)])
    assert replies["marks"].raw == prompt_marks(alone.text)
    for name, shared in (("r0", 4), ("two", 4), ("q", 2), ("marks", 2), ("whole", 1)):
        cost = replies[name].cost
        assert cost["regions"] == shared and cost["passes"] >= 1 and cost["token_forwards"] > 0
        assert replies[name].tokens is not None and replies[name].seconds is not None
    assert replies["r0"].cost["passes"] == told.passes
    assert replies["r0"].cost["look_seconds"] > 0 == replies["q"].cost["look_seconds"]


def test_a_film_is_no_picture(picture: Regions, tmp_path: Path) -> None:
    from tests.systems.tiny import tiny_describer

    film = (MediaRef(path="p.mp4", kind="video"),)
    picture.asked = (about("film", "what?", [], media=film, group=""), about("q", "what?", [], group=""))
    model = LucidaModel(str(tiny_describer(tmp_path / "model")), ModelOptions())
    result = run(picture, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
    assert result.errors == 1 and "reads one picture" in str(result.replies["film"].error)
