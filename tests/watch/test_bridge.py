"""Reading queries, colours, and the bridge from words to class probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.models.imagenet_names import basic_names
from lucida.watch.bridge import Bridge, BridgeConfig, colour_share
from lucida.watch.clip_view import ClipView
from lucida.watch.colour import COLOURS, shares
from lucida.watch.query import class_table, singulars, take_apart
from lucida.watch.records import Seen
from lucida.world.palette import RAMPS

TABBY, REDBONE = 281, 168


class Letters:
    """An encoder whose sentences are alike when their letters are; "puppy" is taught to be a dog."""

    def encode(self, texts) -> np.ndarray:
        rows = []
        for text in texts:
            text = {"puppy": "dog", "doggie": "dog dig"}.get(text, text)
            counts = np.bincount([ord(c) % 64 for c in f"{text} {text[:3]}"], minlength=64) ** 2.0
            rows.append(counts / np.linalg.norm(counts))
        return np.array(rows, np.float32)


class Nothing:
    """An encoder to which a query is like no name."""

    def encode(self, texts) -> np.ndarray:
        return np.array([[1, 0] if text in basic_names() else [0, 1] for text in texts], np.float32)


def looks_like(*classes: int, share: float = 0.6, seed: int = 0) -> Seen:
    """One frame that shows these classes, the rest of the probability spread unevenly."""
    rest = np.random.default_rng(seed).dirichlet(np.ones(1000) * 0.2) * (1 - share)
    rest[list(classes)] += share / len(classes)
    return Seen(vectors=np.zeros((1, 4), np.float32), classes=rest[None].astype(np.float32))


@pytest.mark.parametrize(
    ("text", "noun", "colour", "verb", "unchecked"),
    [
        ("a dog", "dog", None, None, ()),
        ("Two DOGS!", "dogs", None, None, ("two",)),
        ("a red car enters", "car", "red", "enter", ()),
        ("the grey cat is leaving", "cat", "grey", "leave", ()),
        ("gray birds", "birds", "grey", None, ()),
        ("gray wolves", "gray wolves", None, None, ()),
        ("a golden retriever jumps", "golden retriever", None, "jump", ()),
        ("a big dog on a sofa", "dog", None, None, ("big", "sofa")),
        ("something red", "", "red", None, ()),
        ("an orange", "orange", None, None, ()),
        ("a fire engine stops", "fire engine", None, "stop", ()),
        ("a puppy", "", None, None, ("puppy",)),
    ],
)
def test_queries_are_taken_apart(text, noun, colour, verb, unchecked) -> None:
    words = take_apart(text)
    if text == "an orange":
        assert words.noun == "" and words.colour == "orange"  # alone, it is taken for the colour
        return
    assert (words.noun, words.colour, words.verb, words.unchecked) == (noun, colour, verb, unchecked)
    assert bool(words.classes) == bool(noun)


@pytest.mark.parametrize("text", ["", "  ", "the", "?!", "x" * 300])
def test_queries_that_say_nothing_are_refused(text) -> None:
    with pytest.raises(InputError, match="query"):
        take_apart(text)


@given(st.text(min_size=1, max_size=60))
def test_any_text_is_taken_apart_or_refused(text) -> None:
    try:
        words = take_apart(text)
    except InputError:
        return
    assert words.phrase or words.colour or words.verb


def test_what_no_class_is_there_for_is_refused_unless_it_moves_or_has_a_colour() -> None:
    bridge = Bridge(Letters())
    for text in ("a person", "a bearded man", "the sky"):
        with pytest.raises(InputError, match="no class for"):
            bridge.read(text)
    enters = bridge.read("someone enters")
    assert (enters.names, enters.words.verb, enters.doubt) == ((), "enter", "nothing checks 'someone'")
    assert bridge.read("something leaves").doubt == "" and not bridge.read("something leaves").weights.any()
    assert bridge.read("a man with a dog").names == (("dog", 1.0),)


def test_every_class_name_leads_to_its_class() -> None:
    table = class_table()
    assert TABBY in table["tabby cat"] and set(table["tabby"]) <= set(table["cat"])
    assert len(table["dog"]) > 100 and REDBONE in table["redbone"]
    assert "glass" in singulars("glasses") and "knife" in singulars("knives")


def test_the_score_is_high_where_the_class_is_and_low_elsewhere() -> None:
    bridge = Bridge()
    cat, dog = bridge.read("a cat"), bridge.read("dogs")
    here = looks_like(TABBY)
    assert bridge.scores(here, cat)[0] > 2 > 1 > bridge.scores(here, dog)[0]
    kind = bridge.read("a tabby cat")
    assert kind.weights[TABBY] == 1 and bridge.scores(here, kind)[0] >= bridge.scores(here, cat)[0]


def test_unrelated_queries_score_about_zero_whatever_the_frame() -> None:
    bridge = Bridge()
    scores = [
        bridge.scores(looks_like(seed, seed=seed), bridge.read(name))[0]
        for seed in range(0, 990, 90)
        for name in ("teapot", "piano", "volcano")
    ]
    assert abs(np.mean(scores)) < 0.5 and 0.5 < np.std(scores) < 1.7


def test_a_wide_name_is_no_likelier_than_a_narrow_one_on_a_picture_of_nothing() -> None:
    bridge = Bridge()
    nothing = Seen(vectors=np.zeros((1, 4), np.float32), classes=np.full((1, 1000), 1e-3, np.float32))
    assert abs(bridge.scores(nothing, bridge.read("dog"))[0]) < 1e-3


def test_near_words_go_through_the_encoder_and_say_so() -> None:
    reading = Bridge(Letters()).read("a puppy")
    assert reading.names[0][0] == "dog" and reading.doubt.startswith("read as dog")
    assert reading.weights.sum() == pytest.approx(1)
    with pytest.raises(InputError, match=r"camera-lucida\[text\]"):
        Bridge().read("a puppy")
    with pytest.raises(InputError, match="knows nothing like 'zeitgeist'"):
        Bridge(Nothing()).read("zeitgeist")


def test_the_background_shares_no_class_with_the_query() -> None:
    for reading in (Bridge().read("dog"), Bridge(Letters()).read("dog")):
        assert len(reading.background) >= 8
        assert not (reading.background[:, reading.weights > 0] > 0).any()
        np.testing.assert_allclose(reading.background.sum(1), 1)


def test_leftover_words_are_a_doubt() -> None:
    assert "'two'" in Bridge().read("two dogs").doubt and Bridge().read("a dog").doubt == ""


@pytest.mark.parametrize("colour", sorted(RAMPS))
def test_the_worlds_colours_have_their_names(colour) -> None:
    pixels = np.tile(np.array(RAMPS[colour].rgb, np.uint8), (6, 5, 1))
    assert shares(pixels)[colour] == 1.0


def test_shares_are_weighted_and_add_up() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :3] = RAMPS["red"].rgb
    assert shares(pixels)["red"] == 0.5 and shares(pixels)["black"] == 0.5
    weights = np.zeros((4, 6))
    weights[:, :2] = 1
    assert shares(pixels, weights)["red"] == 1.0
    assert sum(shares(pixels).values()) == pytest.approx(1) and set(shares(pixels)) == set(COLOURS)


def test_colour_is_measured_where_the_thing_is() -> None:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[:32, :32] = RAMPS["blue"].rgb
    heat = np.array([[1.0, 0.1], [0.1, 0.1]], np.float32)
    assert colour_share(pixels, "blue", heat) == pytest.approx(1, abs=0.1)
    assert colour_share(pixels, "blue") == pytest.approx(0.25, abs=0.02)
    assert colour_share(pixels, "blue", np.zeros((2, 2), np.float32)) == 0
    bridge = Bridge()
    assert bridge.with_colour(5, 0.5) == 5 == bridge.with_colour(5, BridgeConfig().colour_share)
    assert bridge.with_colour(5, 0.0) == 5 - BridgeConfig().colour_cost < bridge.with_colour(5, 0.05) < 5


class Model:
    """A stand-in for CLIP: pictures and texts in three dimensions."""

    class config:  # the shape transformers gives it
        class text_config:
            max_position_embeddings = 8

    def get_image_features(self, pixels):
        return pixels

    def get_text_features(self, ids):
        return ids


class Processor:
    def __call__(self, *, images=None, text=None, **_):
        import torch

        if images is not None:
            return {"pixels": torch.tensor(np.stack([i.reshape(-1, 3).mean(0) for i in images]) / 255)}
        rows = [
            np.eye(3)[i] if (i := next((k for k, w in enumerate(("red", "green", "blue")) if w in t), None)) is not None
            else np.random.default_rng(len(t) + ord(t[-1])).normal(size=3)
            for t in text
        ]  # fmt: skip
        return {"ids": torch.tensor(np.array(rows))}


def test_a_model_with_text_of_its_own_takes_the_bridges_place() -> None:
    view = ClipView("stand-in", model=(Model(), Processor()))
    red = np.full((4, 4, 3), (250, 5, 5), np.uint8)
    seen = view.see([red, red[..., ::-1]])
    scores = view.scores(seen, view.read("a red thing enters"))
    assert view.dim == 3 and scores[0] > scores[1]
    assert view.read("a red dog").words.colour is None and view.read("a dog enters").words.verb == "enter"
    np.testing.assert_allclose(np.linalg.norm(seen.vectors, axis=1), 1, rtol=1e-6)


def test_a_missing_extra_is_one_clear_line(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(
        InputError, match=r"--model google/x: needs transformers: pip install 'camera-lucida\[hf\]'"
    ):
        ClipView("google/x")
