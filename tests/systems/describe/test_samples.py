"""What a training step holds: a function of seed and step alone, shared without overlap, nothing held out in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from lucida.canvas.span import Canvas, Role, Span
from lucida.media.errors import InputError
from lucida.metrics.reader import read_caption
from lucida.models.imagenet_names import basic_names
from lucida.systems.describe.bank import FeatureBank
from lucida.systems.describe.layout import REQUEST_PICTURE, REQUEST_REGION, Layout, RegionFeatures, Request
from lucida.systems.describe.samples import MANY_EVERY, SampleConfig, Sampler, renamed
from lucida.world.language import STYLES_HELD_OUT, STYLES_TRAIN, caption, lexicon, scene_caption
from lucida.world.splits import object_held_out, pair_held_out

CONFIG = SampleConfig(pictures=4, groups=3, picture_pictures=2, question_pictures=4, question_groups=2)


@pytest.fixture
def sampler(bank: FeatureBank, layout: Layout) -> Sampler:
    return Sampler(bank, layout, CONFIG, 0, "strict")


def tensors(span: Span) -> list[Any]:
    values = (span.ids, span.features, span.boxes, span.cover)
    return [span.role, span.group, span.name, *(None if v is None else v.tolist() for v in values)]


def plain(canvases: Sequence[Canvas]) -> list[Any]:
    return [(c.visibility, c.keys, [tensors(span) for span in c.spans]) for c in canvases]


def groups(sampler: Sampler, steps: range) -> Iterator[tuple[int, str, list[tuple[str, float]], str, Span]]:
    """Of every group: style, request, hints, answer in words, answer span."""
    v = sampler.vocabulary
    digits = {v.special(f"hint{i}"): i / 10 for i in range(10)}
    styles = {v.special(f"style{i}"): i for i in range(16)}
    for step in steps:
        for canvas in sampler.canvases(step):
            for group in range(canvas.groups):
                given = {span.name: span for span in canvas.part(group, Role.GIVEN)}
                hints: list[tuple[str, float]] = []
                ids = given["hint"].ids.tolist() if "hint" in given else []
                starts = [i for i, token in enumerate(ids) if token in digits] + [len(ids)]
                for a, b in pairwise(starts):
                    hints.append((v.decode(ids[a + 1 : b]), digits[ids[a]]))
                (answer,) = canvas.part(group, Role.ANSWER)
                style = styles[int(given["style"].ids)]
                yield style, v.decode(given["request"].ids.tolist()), hints, v.decode(answer.ids.tolist()), answer


def test_a_pure_function_of_seed_and_step(sampler: Sampler, bank: FeatureBank, layout: Layout) -> None:
    forward = [plain(sampler.canvases(step)) for step in range(5)]
    np.random.seed(3)
    torch.manual_seed(3)
    fresh = Sampler(bank, layout, CONFIG, 0, "strict")
    assert [plain(fresh.canvases(step)) for step in (4, 3, 2, 1, 0)] == forward[::-1]
    assert plain(Sampler(bank, layout, CONFIG, 1, "strict").canvases(0)) != forward[0]
    assert forward[0] != forward[2] and sampler.kind(0) == sampler.kind(2)


def test_shares_are_the_whole(sampler: Sampler) -> None:
    for step in range(10):
        whole = plain(sampler.canvases(step))
        shared = [canvas for rank in range(2) for canvas in plain(sampler.canvases(step, rank, 2))]
        assert shared == whole


def test_shares_must_be_equal(sampler: Sampler) -> None:
    for step in range(10):  # whatever the step's kind: two pictures of a picture step are too few for four
        with pytest.raises(InputError, match="2 pictures of a picture step do not divide by 4 processes"):
            sampler.canvases(step, 0, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kinds": (7, 1, 1)}, r"samples.kinds must be three counts that add up to 10, got \[7, 1, 1\]"),
        ({"kinds": (12, -1, -1)}, r"samples.kinds"),
        ({"groups": 0}, "samples.groups must be at least 1, got 0"),
    ],
)
def test_settings_are_checked(bank: FeatureBank, layout: Layout, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Sampler(bank, layout, replace(CONFIG, **change), 0, "strict")


def test_kinds_are_interleaved(bank: FeatureBank, layout: Layout) -> None:
    for kinds in ((7, 1, 2), (10, 0, 0), (0, 5, 5)):
        sampler = Sampler(bank, layout, replace(CONFIG, kinds=kinds), 0, "strict")
        for start in (0, 13, 990):
            counts = Counter(sampler.kind(step) for step in range(start, start + 10))
            assert tuple(counts[kind] for kind in ("region", "picture", "question")) == kinds


def test_sizes(sampler: Sampler) -> None:
    sizes = {"region": (4, 3), "picture": (2, 1), "question": (4, 2)}
    for step in range(10):
        canvases = sampler.canvases(step)
        assert {canvas.groups for canvas in canvases} == {sizes[sampler.kind(step)][1]}
        assert len(canvases) == sizes[sampler.kind(step)][0]


def test_every_answer_fits_and_ends(sampler: Sampler) -> None:
    """None is cut: each has room for its end token, and says what the world says."""
    room = {REQUEST_REGION: sampler.layout.config.caption_slots, REQUEST_PICTURE: sampler.layout.config.picture_slots}
    words = lexicon((*lexicon().nouns, *basic_names(), "teapot", "red panda", "ladder", "zebra"))
    for _, request, _, text, answer in groups(sampler, range(20)):
        ids = answer.ids.tolist()
        assert len(ids) <= room.get(request, sampler.layout.config.answer_slots)
        end = sampler.vocabulary.end
        assert end in ids and set(ids[ids.index(end) :]) == {end} and ids.index(end) > 0
        if request == REQUEST_REGION:
            assert read_caption(text, words).grammar_ok, text


def test_some_answers_are_shortened(bank: FeatureBank, layout: Layout) -> None:
    """They lose empty slots behind their end token, and nothing else."""
    texts, lengths = [], []
    for shortened in (0.0, 0.5, 1.0):
        sampler = Sampler(bank, layout, replace(CONFIG, shortened=shortened, groups=1, kinds=(10, 0, 0)), 0, "strict")
        found = list(groups(sampler, range(10)))
        texts.append([text for _, _, _, text, _ in found])
        lengths.append([len(answer) for *_, answer in found])
        assert all(int(answer.ids[-1]) == sampler.vocabulary.end for *_, answer in found)
    assert texts[0] == texts[1] == texts[2]
    room = layout.config.caption_slots
    assert set(lengths[0]) == {room} and max(lengths[2]) < room
    assert 5 < sum(length < room for length in lengths[1]) < 35  # of forty


def test_the_recipe_s_room_is_enough(layout: Layout) -> None:
    """For any scene and the longest class names, in the shipped recipe's own slots."""
    from lucida.train.recipe import load_recipe
    from lucida.world.scene import draw_scene

    slots = load_recipe("describe").settings["layout"]
    v = layout.vocabulary
    longest = sorted(basic_names(), key=lambda name: -len(v.encode(name)))[:3]
    for seed in range(40):
        scene = draw_scene(seed)
        for style in STYLES_TRAIN:
            assert len(v.encode(scene_caption(scene, style))) < slots["picture_slots"]
            for i in range(len(scene.objects)):
                names = [scene.objects[i].noun, longest[seed % 3]]
                texts = [caption(renamed(scene, i, name), i, style) for name in names]
                assert max(len(v.encode(text)) for text in texts) < slots["caption_slots"]


def test_nothing_held_out_is_trained_on(sampler: Sampler, bank: FeatureBank) -> None:
    """No held-out style, pair or object; a class name copied from a photograph's hints may be any word."""
    objects = [o for n in range(len(bank)) for o in bank[n].scene.objects]
    assert not [o for o in objects if object_held_out(o.noun) or pair_held_out(o.noun, o.colour)]
    words = lexicon((*lexicon().nouns, *basic_names()))
    seen_styles, read_some = set(), 0
    for style, request, hints, text, _ in groups(sampler, range(40)):
        seen_styles.add(style)
        if request != REQUEST_REGION:
            continue
        read = read_caption(text, words)
        if read.noun and read.noun not in [name for name, _ in hints[:1]]:
            assert not object_held_out(read.noun) and not pair_held_out(read.noun, read.colour), text
            read_some += 1
        if read.other_noun:
            assert not object_held_out(read.other_noun) and not pair_held_out(read.other_noun, read.other_colour)
    assert read_some > 100
    assert seen_styles == set(STYLES_TRAIN) and not seen_styles & set(STYLES_HELD_OUT)


def photo_of(bank: FeatureBank) -> tuple[Any, int]:
    for number in range(0, len(bank), 3):
        for o in bank[number].scene.objects:
            if o.medium == "photo":
                return bank[number], o.index
    raise AssertionError("no photographs in the bank")


def test_hints_of_photographs(bank: FeatureBank, layout: Layout) -> None:
    """Copied: a random class name, in hint and caption alike. Otherwise the real hints and the real noun."""
    seen, i = photo_of(bank)
    noun, real = seen.scene.objects[i].noun, seen.regions[i].hints
    assert len(real) == 3
    always = Sampler(bank, layout, replace(CONFIG, copied_hints=1.0), 0, "strict")
    names = set()
    for n in range(30):
        name, hints = always.hinted(seen.scene, i, real, np.random.default_rng(n))
        names.add(name)
        assert hints[0][0] == name and name in basic_names() and 0.25 <= hints[0][1] <= 0.95
        assert len(hints) == 2 and hints[1][1] <= 0.2 < hints[0][1]
        assert name in caption(renamed(seen.scene, i, name), i, 0)
    assert len(names) > 20
    never = Sampler(bank, layout, replace(CONFIG, copied_hints=0.0), 0, "strict")
    assert never.hinted(seen.scene, i, real, np.random.default_rng(0)) == (noun, real)


def test_hints_of_artworks(bank: FeatureBank, layout: Layout) -> None:
    """False ones, to be ignored: the noun stays."""
    scene = bank[1].scene
    always = Sampler(bank, layout, replace(CONFIG, false_hints=1.0), 0, "strict")
    for n in range(20):
        noun, hints = always.hinted(scene, 0, (), np.random.default_rng(n))
        assert noun == scene.objects[0].noun and len(hints) == layout.config.hints
        probabilities = [probability for _, probability in hints]
        assert probabilities == sorted(probabilities, reverse=True) and max(probabilities) <= 0.7
    never = Sampler(bank, layout, replace(CONFIG, false_hints=0.0), 0, "strict")
    assert never.hinted(scene, 0, (), np.random.default_rng(0)) == (scene.objects[0].noun, ())


def test_a_sure_hint_is_believed_of_artworks_too(bank: FeatureBank, layout: Layout) -> None:
    """Then the caption is renamed, and the hint is surer than any false one is."""
    scene, names = bank[1].scene, set()
    always = Sampler(bank, layout, replace(CONFIG, trusted=1.0), 0, "strict")
    for n in range(20):
        noun, hints = always.hinted(scene, 0, (), np.random.default_rng(n))
        names.add(noun)
        assert hints[0][0] == noun and hints[0][1] >= 0.7 and hints[1][1] <= 0.3
    assert len(names) > 10


def test_copied_names_reach_the_canvas(bank: FeatureBank, layout: Layout) -> None:
    """End to end: the caption's noun is the first hint's wherever a photograph was renamed."""
    sampler = Sampler(bank, layout, replace(CONFIG, copied_hints=1.0, false_hints=0.0), 0, "strict")
    hinted = [g for g in groups(sampler, range(20)) if g[1] == REQUEST_REGION and g[2]]
    assert len(hinted) > 10
    for _, _, hints, text, _ in hinted:
        assert hints[0][0] in text, (hints, text)


def test_renaming_touches_one_noun(bank: FeatureBank) -> None:
    scene = bank[1].scene
    other = renamed(scene, 0, "go-kart")
    assert other.objects[0] == replace(scene.objects[0], noun="go-kart") and other.objects[1:] == scene.objects[1:]
    assert renamed(scene, 0, scene.objects[0].noun) is scene
    assert caption(other, 0, 0) == caption(scene, 0, 0).replace(scene.objects[0].noun, "go-kart", 1)


def test_questions_cite_regions_without_hints(sampler: Sampler, bank: FeatureBank) -> None:
    found = sampler.question_requests(bank[0], np.random.default_rng(0))
    assert found and all(request.allowed == "text+region+end" for request in found)
    assert all(not region.hints for request in found for region in request.regions)
    for request in found:
        cited = {int(word) for word in request.text.replace("<", " <").split("<")[1:] for word in [word.split(">")[0]]}
        assert cited <= set(range(1, len(request.regions) + 1))


def cited_at(sampler: Sampler, steps: range) -> list[int]:
    """How many regions each group of some steps cites."""
    canvases = [canvas for step in steps for canvas in sampler.canvases(step)]
    given = [canvas.part(group, Role.GIVEN) for canvas in canvases for group in range(canvas.groups)]
    return [sum(span.name == "marker" for span in part) for part in given]


def test_questions_about_many_regions_are_kept_apart(bank: FeatureBank, layout: Layout) -> None:
    """They come in one of MANY_EVERY rounds of ten steps; the others ask about one or none, and about two, in turn."""
    sampler = Sampler(bank, layout, replace(CONFIG, kinds=(0, 0, 10)), 0, "strict")
    asked = [cited_at(sampler, range(step, step + 1)) for step in range(10 * MANY_EVERY)]
    assert max(map(max, asked[:10])) > 2
    for one, other in zip(asked[10::2], asked[11::2], strict=True):
        assert {max(one), max(other)} == {1, 2} and {min(one), min(other)} <= {0, 1, 2}
    about_two = [n for cited in asked[10:] for n in cited if max(cited) == 2]
    assert np.mean(np.array(about_two) == 2) > 0.9  # a picture where nothing can be asked of two is asked something


def test_where_all_questions_are_about_many_regions_they_are_asked(
    bank: FeatureBank, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def about(regions: tuple[RegionFeatures, ...]) -> Request:
        return Request(text="which is largest?", regions=regions, slots=8, target=(5,))

    sampler = Sampler(bank, layout, replace(CONFIG, kinds=(0, 0, 10)), 0, "strict")
    monkeypatch.setattr(sampler, "question_requests", lambda seen, rng, per_kind: [about(seen.regions)])
    assert max(cited_at(sampler, range(10, 13))) > 2
    monkeypatch.setattr(
        sampler, "question_requests", lambda seen, rng, per_kind: [about(seen.regions), about(seen.regions[:1])]
    )
    assert min(cited_at(sampler, range(10, 12))) == 1 and max(cited_at(sampler, range(3))) > 2


def test_no_room_for_any_answer_is_said(bank: FeatureBank, layout: Layout) -> None:
    from lucida.canvas.vocabulary import Vocabulary

    cramped = Layout(replace(layout.config, answer_slots=1), Vocabulary())
    sampler = Sampler(bank, cramped, replace(CONFIG, kinds=(0, 0, 10)), 0, "strict")
    with pytest.raises(InputError, match=r"scene train/\d+ has no question whose answer fits 1 slots"):
        sampler.canvases(0)


def test_loosened_questions_keep_their_answers(bank: FeatureBank, layout: Layout) -> None:
    plain, loose = (
        Sampler(bank, layout, replace(CONFIG, loosened=share), 0, "strict").question_requests(
            bank[1], np.random.default_rng(3)
        )
        for share in (0.0, 1.0)
    )
    assert plain[0].target == loose[0].target and plain[0].text != loose[0].text
    changed = {r.text for r in plain} - {r.text for r in loose}
    assert len(plain) == len(loose) and len(changed) > len(plain) / 2
