"""What the describer learns from: captions, whole-picture captions and questions about banked scenes, with hints.

Everything is a pure function of (seed, step), so that a resumed run sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lucida.canvas.span import Canvas, Visibility
from lucida.canvas.vocabulary import Vocabulary
from lucida.media.errors import InputError
from lucida.models.imagenet_names import basic_names
from lucida.systems.describe.bank import FeatureBank, Seen
from lucida.systems.describe.layout import REQUEST_PICTURE, REQUEST_REGION, Layout, RegionFeatures, Request
from lucida.systems.describe.told import Told
from lucida.world.language import STYLES_TRAIN, caption, scene_caption
from lucida.world.questions import questions
from lucida.world.questions_loosened import loosened
from lucida.world.questions_reasons import reasoned
from lucida.world.records import Scene

Hints = tuple[tuple[str, float], ...]
# A batch is as long as its longest group, so most question steps ask only questions that cite one region or none, or
# only such as cite two, in turn; in every MANY_EVERY-th round of ten steps they ask anything.
MANY_EVERY = 4
ONE, TWO, ANY = range(2), range(2, 3), range(100)
TRUSTED = 0.7  # probability of a hint

Drawn = tuple[Seen, Canvas, tuple[int | None, ...]]  # a picture, its canvas, and which object each group is about


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """What a training step holds.

    Attributes:
        pictures, groups: of a step of region captions; the other kinds are sized by their own numbers.
        picture_pictures: pictures of a step of whole-picture captions.
        question_pictures, question_groups: of a step of questions.
        kinds: how many of every ten steps are region captions, whole-picture captions, questions.
        false_hints: chance that an artwork gets wrong hints (it must then ignore them).
        copied_hints: chance that a photograph's noun is replaced, in hint and caption alike, by a random class name
            (so that names are copied and not remembered).
        trusted: chance that an artwork's noun is replaced likewise, with a hint of at least ``TRUSTED``: a tower so
            sure is believed whatever the region looks like. (Pictures that nobody prepared look like neither the
            artwork nor the cut-outs; of artwork the tower is seldom that sure.)
        unseen: chance that a caption's region comes without its replayed features, so that it must be read off the
            context. This teaches groups to name what the context's cells hold, half of looking up another thing.
        related: captions state a relation wherever one is true, so that a decoder need not guess whether the world's
            rule found it debatable.
        reasoned: answers say first what they follow from ("blue so no"; ``world.questions_reasons``).
        loosened: share of questions asked with small words missing and strange ones in between
            (``world.questions_loosened``).
        shortened: share of answers that lose some of the slots behind their end token.
        photo: share of the pictures of region steps that are taken from the scenes with cut-outs, photographs first.
    """

    pictures: int = 16
    groups: int = 5
    picture_pictures: int = 16
    question_pictures: int = 16
    question_groups: int = 5
    kinds: tuple[int, int, int] = (7, 1, 2)
    false_hints: float = 0.4
    copied_hints: float = 0.5
    trusted: float = 0.0
    unseen: float = 0.0
    related: bool = False
    reasoned: bool = False
    loosened: float = 0.0
    shortened: float = 0.5
    photo: float = 0.0


class Sampler:
    """Draws the canvases of a step."""

    def __init__(
        self,
        bank: FeatureBank,
        layout: Layout,
        config: SampleConfig,
        seed: int,
        visibility: Visibility,
        told: Told | None = None,
    ) -> None:
        self.bank, self.layout, self.config, self.seed, self.told = bank, layout, config, seed, told
        self.visibility: Visibility = visibility
        if sum(config.kinds) != 10 or min(config.kinds) < 0:
            raise InputError(f"samples.kinds must be three counts that add up to 10, got {list(config.kinds)}")
        for name in ("pictures", "groups", "picture_pictures", "question_pictures", "question_groups"):
            if getattr(config, name) < 1:
                raise InputError(f"samples.{name} must be at least 1, got {getattr(config, name)}")

    @property
    def vocabulary(self) -> Vocabulary:
        """The layout's vocabulary."""
        return self.layout.vocabulary

    def kind(self, step: int) -> str:
        """region | picture | question, in a fixed interleaving of every ten steps."""
        regions, pictures, _ = self.config.kinds
        place = step * 7 % 10  # 7 and 10 have no common factor: every ten steps hold each place once
        return "region" if place < regions else "picture" if place < regions + pictures else "question"

    def canvases(self, step: int, rank: int = 0, processes: int = 1) -> list[Canvas]:
        """This process's canvases of the step."""
        return [canvas for _, canvas, _ in self.pictures(step, rank, processes)]

    def pictures(self, step: int, rank: int = 0, processes: int = 1) -> list[Drawn]:
        """This process's pictures of the step, the canvas of each, and what its groups are about."""
        kind, config = self.kind(step), self.config
        counts = {"region": config.pictures, "picture": config.picture_pictures, "question": config.question_pictures}
        for name, value in counts.items():
            if value % processes:  # said at the first step, whatever that step's kind
                raise InputError(f"samples: {value} pictures of a {name} step do not divide by {processes} processes")
        count = counts[kind]
        share = count // processes
        picks = np.random.default_rng((self.seed, step)).integers(len(self.bank), size=count)
        mine = range(rank * share, (rank + 1) * share)
        cited = self.cited(step)
        return [self._canvas(kind, int(picks[i]), np.random.default_rng((self.seed, step, i)), cited) for i in mine]

    @staticmethod
    def cited(step: int) -> range:
        """How many regions a question of the step may cite."""
        turn = step // 10
        return ANY if turn % MANY_EVERY == 0 else (ONE, TWO)[(turn + step) % 2]

    def _canvas(self, kind: str, number: int, rng: np.random.Generator, cited: range) -> Drawn:
        photo = kind == "region" and rng.random() < self.config.photo
        every = self.bank.config.photo_every
        number -= number % every if photo else 0
        seen = self.bank[number]
        if kind == "region":
            requests = self._captions(number, seen, rng, photo)
        elif kind == "picture":
            requests = [self._picture(seen, rng)]
        else:
            requests = self._questions(seen, rng, cited)
        requests = [self._shortened(request, rng) for request in requests]
        number_of = {region.key: i for i, region in enumerate(seen.regions)}
        about = tuple(number_of[r.regions[0].key] if r.regions else None for r in requests)
        return seen, self.layout.canvas(seen.cells, requests, visibility=self.visibility), about

    def _shortened(self, request: Request, rng: np.random.Generator) -> Request:
        """Some answers lose part of their empty tail: decoding cuts it off too, and that must look familiar."""
        assert request.target is not None
        least = len(request.target) + 1
        if least >= request.slots or rng.random() >= self.config.shortened:
            return request
        return replace(request, slots=int(rng.integers(least, request.slots)))

    def _captions(self, number: int, seen: Seen, rng: np.random.Generator, photo: bool) -> list[Request]:
        n, wanted = len(seen.regions), self.config.groups
        order = rng.permutation(n).tolist()
        if photo:
            order.sort(key=lambda i: seen.scene.objects[i].medium != "photo")
        chosen = order[:wanted]
        chosen += rng.integers(n, size=wanted - len(chosen)).tolist()
        requests = []
        for i in chosen:
            style = int(rng.choice(STYLES_TRAIN))
            noun, hints = self.hinted(seen.scene, i, seen.regions[i].hints, rng)
            scene = renamed(seen.scene, i, noun)
            region = replace(seen.regions[i], hints=hints)
            if rng.random() < self.config.unseen:
                region = replace(region, replay=torch.zeros_like(region.replay))
            request = self.caption_request(scene, i, region, style)
            if self.told is not None and noun == seen.scene.objects[i].noun:
                request = self._told(number, i, request, rng)
            requests.append(request)
        return requests

    def _told(self, number: int, i: int, request: Request, rng: np.random.Generator) -> Request:
        """The request with what a model told of the object for its answer, where it did."""
        assert self.told is not None
        taken, caption = rng.random() < self.told.config.share, self.told.of(number, i)
        if not taken or caption is None:
            return request
        return replace(request, style=caption.style, target=tuple(self.vocabulary.encode(caption.text)))

    def caption_request(self, scene: Scene, i: int, region: RegionFeatures, style: int) -> Request:
        """The request and its answer for one region of a scene, cut to its room (long class names may need it)."""
        slots = self.layout.config.caption_slots
        target = tuple(self.vocabulary.encode(caption(scene, i, style, related=self.config.related)))[: slots - 1]
        return Request(text=REQUEST_REGION, regions=(region,), slots=slots, style=style, target=target)

    def picture_request(self, scene: Scene, style: int) -> Request:
        """The request and its answer for the whole picture, cut to its room."""
        slots = self.layout.config.picture_slots
        target = tuple(self.vocabulary.encode(scene_caption(scene, style)))[: slots - 1]
        return Request(text=REQUEST_PICTURE, regions=(), slots=slots, style=style, target=target)

    def _picture(self, seen: Seen, rng: np.random.Generator) -> Request:
        return self.picture_request(seen.scene, int(rng.choice(STYLES_TRAIN)))

    def question_requests(self, seen: Seen, rng: np.random.Generator, *, per_kind: int = 1) -> list[Request]:
        """Every question that fits its room."""
        requests = []
        slots, kinds = self.layout.config.answer_slots, "text+region+end"
        for question in questions(seen.scene, rng, per_kind=per_kind):
            target = tuple(self.vocabulary.encode(question.answer))
            if self.config.reasoned:
                longer = tuple(self.vocabulary.encode(reasoned(seen.scene, question)))
                target = longer if len(longer) < slots else target
            if len(target) < slots:
                regions = tuple(replace(seen.regions[i], hints=()) for i in question.cites)
                loose = self.config.loosened and rng.random() < self.config.loosened
                text = loosened(question.text, rng) if loose else question.text
                requests.append(Request(text=text, regions=regions, slots=slots, allowed=kinds, target=target))
        return requests

    def _questions(self, seen: Seen, rng: np.random.Generator, cited: range) -> list[Request]:
        # Few kinds of questions cite two regions, so several of each are drawn.
        requests = self.question_requests(seen, rng, per_kind=3 if cited is TWO else 1)
        requests = [r for r in requests if len(r.regions) in cited] or requests
        if not requests:
            where = f"scene {seen.scene.split}/{seen.scene.seed}"
            raise InputError(f"{where} has no question whose answer fits {self.layout.config.answer_slots} slots")
        order = rng.permutation(len(requests)).tolist()
        wanted = self.config.question_groups
        return [requests[order[j % len(order)]] for j in range(wanted)]

    def hinted(self, scene: Scene, i: int, real: Hints, rng: np.random.Generator) -> tuple[str, Hints]:
        """The noun a region is to be called by, and the hints it gets."""
        o = scene.objects[i]
        if o.medium == "photo":
            if rng.random() < self.config.copied_hints:
                name = str(rng.choice(np.array(basic_names())))
                return name, ((name, float(rng.uniform(0.25, 0.95))), *self.random_hints(rng, 1, 0.2))
            return o.noun, real
        if self.config.trusted and rng.random() < self.config.trusted:
            name = str(rng.choice(np.array(basic_names())))
            return name, ((name, float(rng.uniform(TRUSTED, 1))), *self.random_hints(rng, 1, 1 - TRUSTED))
        if rng.random() < self.config.false_hints:
            return o.noun, self.random_hints(rng, self.layout.config.hints, TRUSTED)
        return o.noun, ()

    @staticmethod
    def random_hints(rng: np.random.Generator, count: int, most: float) -> Hints:
        """Class names that mean nothing, likeliest first."""
        chosen = rng.choice(np.array(basic_names()), size=count, replace=False).tolist()
        probabilities = sorted((rng.random(count) * most).tolist(), reverse=True)
        return tuple(zip(chosen, probabilities, strict=True))


def renamed(scene: Scene, i: int, noun: str) -> Scene:
    """The scene with object i called something else."""
    if scene.objects[i].noun == noun:
        return scene
    objects: Sequence = [replace(o, noun=noun) if o.index == i else o for o in scene.objects]
    return replace(scene, objects=tuple(objects))
