"""The endpoint: retries with pauses, rate limit, concurrency, odd replies; Lucida's describer as a model."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from lucida.bench.cache import Cache
from lucida.bench.models import ModelOptions, load_model
from lucida.bench.models.chat import RateLimit
from lucida.bench.models.endpoint import EndpointModel
from lucida.bench.models.lucida_system import LucidaModel
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


def test_the_describer_answers_a_group_in_one_decode(tmp_path: Path) -> None:
    from tests.systems.tiny import tiny_describer

    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.from_array(pixels).save(tmp_path / "p.png")
    regions = [Region.from_box((k / 4, 0.1, (k + 1) / 4, 0.9), (64, 96)) for k in range(3)]

    class Regions(Toy):
        def requests(self) -> list[Request]:
            media = (MediaRef(path="p.png", kind="image"),)
            described = [
                Request(id=f"r{k}", item="p", cluster="p", prompt="", media=media, regions=(dict(region.rle),),
                        task="describe", group="p", meta={})
                for k, region in enumerate(regions)
            ]  # fmt: skip
            cited = (regions[0].rle,)
            asked = Request(id="q", item="p", cluster="p", prompt="what is <1>?", media=media, regions=cited)
            return [*described, asked]

    protocol = Regions([], 1, ())
    protocol.data = tmp_path
    model = LucidaModel(str(tiny_describer(tmp_path / "model")), ModelOptions())
    result = run(protocol, model, tmp_path / "run", cache=Cache(tmp_path / "c"))
    assert result.errors == 0 and list(result.replies) == ["r0", "r1", "r2", "q"]
    reply = result.replies["r0"]
    assert reply.cost["regions"] == 3 and reply.cost["passes"] >= 1 and reply.tokens is not None
    direct = model.system.look(tmp_path / "p.png").describe(regions)
    assert [result.replies[f"r{k}"].raw for k in range(3)] == [caption.text for caption in direct]
