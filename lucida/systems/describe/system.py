"""The describer: a picture is looked at once, then asked about as often as one likes.

>>> scene = lucida.load("describe").look("photo.jpg")        # doctest: +SKIP
>>> scene.describe([Region.from_box((.1, .2, .5, .9), scene.image.size)])[0].text   # doctest: +SKIP
'a large cat in the centre'
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from lucida.canvas.compiling import dense, fold
from lucida.canvas.decoding import Decoded, decode
from lucida.canvas.plan import Plan, causal_plan
from lucida.canvas.sessions import DenseSession, read_context
from lucida.canvas.span import FOLDABLE, Canvas, Visibility
from lucida.canvas.tokens import Memory
from lucida.canvas.vocabulary import Vocabulary, VocabularyConfig
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region
from lucida.models.canvas_transformer import CanvasTransformer, CanvasTransformerConfig
from lucida.models.name_head import NameHead, load_name_head
from lucida.models.quick_canvas import QuickCanvas
from lucida.models.quick_session import QuickSession, is_causal, write_causally
from lucida.models.store import known, load_model_files
from lucida.models.tower import Tower, load_tower
from lucida.systems.describe.layout import Layout, LayoutConfig, Request
from lucida.systems.describe.look import Look, OnEvent, mean
from lucida.systems.describe.markers import MOST_REGIONS
from lucida.systems.describe.naming import with_articles_of
from lucida.systems.describe.records import Answers, Description, Film, Piece
from lucida.systems.describe.released import Geometry, released_canvas
from lucida.train.recipe import build
from lucida.world.grammar import agreed

if TYPE_CHECKING:
    from lucida.media.records import Caption
    from lucida.media.track import Track
    from lucida.media.video import Video
    from lucida.systems.describe.proposals import Proposer

__all__ = ["MOST_REGIONS", "Answers", "Describer", "Description", "Film", "Look"]

NAMES = "names"  # the model behind hints that ImageNet has no class for
DEFAULT_PLAN = asdict(Plan(steps=4))  # of models whose config names none
Precision = Literal["fp32", "bf16"]
DTYPES: Mapping[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Describer:
    """A trained describer (or its twin). Load one with ``lucida.load("describe")``.

    Attributes:
        network: the weights as trained. quick: the same, prepared for decoding in the chosen precision.
        precision: "fp32" or "bf16"; set it at any time. bf16 is faster where the processor has it, and rounds.
    """

    def __init__(
        self,
        network: CanvasTransformer,
        layout: Layout,
        tower: Tower,
        config: dict[str, Any],
        device: str = "cpu",
    ) -> None:
        self.network, self.layout, self.tower, self.config = network.eval(), layout, tower, config
        self.device = torch.device(device)
        self.name = str(config.get("name", "describe"))
        self.proposer: Proposer | None = None  # asked first for automatic regions
        self.names: NameHead | None = None  # what hints know beside ImageNet's classes
        self.precision: Precision = "fp32"
        self._quick: dict[Precision, QuickCanvas] = {}

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Describer:
        """Read a model folder.

        Raises:
            InputError: files are missing, damaged, or do not belong together.
        """
        files = load_model_files(path)
        config = files.config
        try:
            vocabulary = Vocabulary(build(VocabularyConfig, config["vocabulary"], "config: vocabulary"))
            layout = Layout(build(LayoutConfig, config["layout"], "config: layout"), vocabulary)
            network = CanvasTransformer(build(CanvasTransformerConfig, config["network"], "config: network"))
            network.load_state_dict(files.tensors)
        except (KeyError, RuntimeError) as error:
            raise InputError(f"{files.folder}: not a describer: {str(error).splitlines()[0]}") from error
        config = {**config, "name": Path(files.folder).name}
        made = cls(
            network.float().to(device),
            layout,
            load_tower(device, config.get("tower", "tower")),
            config,
            device,
        )
        made.names = _name_head(str(config.get("names", NAMES)))
        return made

    @property
    def known_names(self) -> tuple[str, ...]:
        """What hints may say beside the usual names."""
        return () if self.names is None else self.names.names

    @property
    def twin(self) -> bool:
        """Whether this is the autoregressive twin."""
        return self.visibility == "twin"

    @property
    def visibility(self) -> Visibility:
        """Who sees whom in its canvases."""
        return self.config["visibility"]

    @cached_property
    def plan(self) -> Plan:
        """How its captions and answers are written unless another plan is asked for: what its recipe chose."""
        return build(Plan, self.config.get("plan", DEFAULT_PLAN), "config: plan")

    @property
    def quick(self) -> QuickCanvas:
        """The network prepared for decoding."""
        if self.precision not in DTYPES:
            raise InputError(f"precision must be one of {', '.join(DTYPES)}, got {self.precision!r}")
        if self.precision not in self._quick:
            self._quick[self.precision] = QuickCanvas(self.network, DTYPES[self.precision])
        return self._quick[self.precision]

    def variant(self, visibility: Visibility, *, geometry: Geometry = "correct") -> Describer:
        """The same weights under another visibility, for comparisons: what they were not trained for, they do badly.

        Args:
            visibility: "block" (block diffusion inside a group, see ``Plan.block``), "released", ...
            geometry: of the replay under "released": "correct", or the released "pdlm", "pdlm-train" or "gar".

        Raises:
            InputError: another geometry than the correct one, and not "released".
        """
        if geometry != "correct" and visibility != "released":
            raise InputError(f"geometry {geometry!r} goes with the visibility 'released', not {visibility!r}")
        config = {**self.config, "visibility": visibility, "geometry": geometry}
        other = Describer(self.network, self.layout, self.tower, config, str(self.device))
        other.name, other.precision, other._quick = self.name, self.precision, self._quick
        other.proposer, other.names = self.proposer, self.names
        return other

    # -- looking --------------------------------------------------------------------------------------------------

    def look(self, image: Image | str | os.PathLike[str] | np.ndarray) -> Look:
        """See a picture once; everything asked about it later reuses what was seen."""
        return Look(self, Image.open(image))

    def describe_many(
        self, looks: Sequence[Look], regions: Sequence[Sequence[Region]], **options: Any
    ) -> list[Description]:
        """Caption the regions of several pictures together; see ``systems.describe.batches.describe_many``."""
        from lucida.systems.describe.batches import describe_many

        return describe_many(self, looks, regions, **options)

    def describe_track(self, video: Video, track: Track, **options: Any) -> tuple[Caption, ...]:
        """Caption a tracked thing over time; see ``systems.describe.batches.describe_track``."""
        from lucida.systems.describe.batches import describe_track

        return describe_track(self, video, track, **options)

    # -- writing --------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def read_picture(self, cells: torch.Tensor) -> Memory:
        """Read the context of one picture: cells (cells, channels)."""
        canvas = Canvas(spans=(self.layout.context(cells),))
        return read_context(self.quick, fold([canvas], mask=self.layout.vocabulary.mask).context)

    @torch.inference_mode()
    def write(
        self,
        cells: Sequence[torch.Tensor],
        requests: Sequence[Sequence[Request]],
        plan: Plan | None = None,
        seed: int = 0,
        on_event: OnEvent | None = None,
        context: Callable[[], Memory] | None = None,
    ) -> Decoded:
        """Fill the requests about some pictures in one decode; rows are by picture, padded to the most requests.

        Args:
            cells: per picture, (cells, channels). requests: per picture.
            plan: of diffusion; a twin writes word by word.
            context: gives the pictures' context where it was read before; asked only where it can be used.
        """
        vocabulary, visibility = self.layout.vocabulary, self.visibility
        plan = (
            causal_plan(max(r.slots for row in requests for r in row)) if self.twin else plan or self.plan
        )
        if visibility not in FOLDABLE:
            if len(cells) != 1:
                raise InputError(
                    f"pictures under {visibility!r} visibility are written one by one, got {len(cells)}"
                )
            canvas = released_canvas(self.layout, cells[0], requests[0], visibility, plan)
            session = DenseSession(self.quick.reference, dense(canvas, mask=vocabulary.mask), vocabulary)
            return _by_group(decode(session, vocabulary, seed=seed, on_event=on_event))
        canvases = [
            self.layout.canvas(c, row, visibility=visibility, plan=plan)
            for c, row in zip(cells, requests, strict=True)
        ]
        folded = fold(canvases, mask=vocabulary.mask)
        quick = QuickSession(self.quick, folded, vocabulary, None if context is None else context())
        if on_event is None and is_causal(folded):
            return write_causally(quick, vocabulary)
        return decode(quick, vocabulary, seed=seed, on_event=on_event)

    def read_row(self, decoded: Decoded, row: int) -> tuple[str, float, tuple[Piece, ...]]:
        """Text of a row, its mean confidence, and (piece, confidence, pass from 1) per token."""
        v = self.layout.vocabulary
        ids, sure, steps = decoded.ids[row], decoded.confidence[row], decoded.steps[row]
        pieces = tuple((v.token(i), c, s + 1) for i, c, s in zip(ids, sure, steps, strict=True))
        text = agreed(v.decode(ids))
        return text, mean(sure), with_articles_of(text, pieces)


def _name_head(name: str) -> NameHead | None:
    """The head that a describer's config names; the usual one may be missing (then hints are ImageNet's alone)."""
    return load_name_head(name) if name != NAMES or NAMES in {n for n, _, _ in known()} else None


def _by_group(decoded: Decoded) -> Decoded:
    """A dense decode, whose one row holds all answers, with a row per answer."""
    cuts = np.cumsum([0, *decoded.lengths[0]])

    def split(values: list[list[Any]]) -> list[list[Any]]:
        return [values[0][a:b] for a, b in itertools.pairwise(cuts)]

    return Decoded(
        ids=split(decoded.ids), confidence=split(decoded.confidence), steps=split(decoded.steps),
        lengths=[[n] for n in decoded.lengths[0]], passes=decoded.passes, token_forwards=decoded.token_forwards,
        trajectory=None,
    )  # fmt: skip
