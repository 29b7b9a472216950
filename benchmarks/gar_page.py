"""The page of real pictures: what the describer and its twin say of GAR-Bench's regions, the good and the bad.

Chosen by a rule that the page states. The subject's outline is green, the other region's orange.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lucida.bench.protocols.gar import GARCaption
from lucida.bench.protocols.gar_items import RegionItem
from lucida.bench.records import Reply
from lucida.bench.report_parts import Html, page, table, text, tiles
from lucida.media.draw import annotate
from lucida.media.image import Image
from lucida.media.region import Region

LONGEST = 460
COLOURS = ((16, 150, 120), (230, 126, 20), (60, 110, 230), (190, 60, 160))
STYLE = """<style>
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:1rem;margin:.8rem 0}
.card{border:1px solid var(--line);border-radius:10px;overflow:hidden;display:flex;flex-direction:column}
.card img{width:100%;height:230px;object-fit:contain;background:#0b0e13;display:block}
.card div{padding:.6rem .8rem .75rem}
.card p{margin:.3rem 0}
.card .true{font-weight:600}
.card .said{border-left:3px solid var(--a);padding-left:.55rem}
</style>"""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is known of one reply without a judge.

    Attributes:
        near: similarity of the reply to the right answer (NaN without the encoder).
        nearest: the subject name that is nearest to the reply, "" where unknown.
        named: whether the caption is of the subject by its official name; None in the part that asks questions.
        mentioned: whether that name stands anywhere in it.
        placed: whether the place it states is right; None where it states none.
    """

    near: float
    nearest: str = ""
    named: bool | None = None
    mentioned: bool | None = None
    placed: bool | None = None

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Greater is better."""
        return bool(self.named), bool(self.placed), -1.0 if self.near != self.near else self.near


def choose(known: Mapping[str, Judged], half: int) -> tuple[list[str], list[str]]:
    """The ``half`` best replies by :attr:`Judged.rank`, and as many of the worst, the worst first."""
    order = sorted(known, key=lambda key: known[key].rank, reverse=True)
    half = min(half, len(order) // 2)
    return order[:half], order[::-1][:half]


def card(bench: GARCaption, item: RegionItem, arms: Mapping[str, Reply], known: Judged) -> Html:
    """One picture with its regions and what every arm says."""
    subject = str(item.raw.get("subject_name", ""))
    parts = [f'<img alt="{text(item.key)}" src="{_picture(bench, item)}"><div>']
    if subject:
        relation = " ".join(str(item.raw.get(name, "")) for name in ("predicate_name", "object_name"))
        parts.append(f'<p class="true">{text(subject)} <span class=soft>{text(relation)}</span></p>')
    else:
        asked, gold = text(item.raw.get("question", "")), text(bench.gold(item))
        parts.append(f'<p class=soft>{asked}</p><p class="true">{gold}</p>')
    for name, reply in arms.items():
        said = reply.raw if reply.error is None else f"({reply.error})"
        parts.append(f'<p class="said"><span class=soft>{text(name)}</span><br>{text(said or "(nothing)")}</p>')
    marks = []
    if known.named is not None:
        marks.append("named" if known.named else "named in passing" if known.mentioned else "not named")
    if known.placed is not None:
        marks.append("place right" if known.placed else "place wrong")
    if known.nearest and subject:
        marks.append(f"nearest name: {known.nearest}")
    if known.near == known.near and subject:  # the marks of a question are most of its words
        marks.append(f"similarity {known.near:.2f}")
    return Html(f'<div class="card">{"".join(parts)}<p class=soft>{text(" · ".join(marks))}</p></div></div>')


def _picture(bench: GARCaption, item: RegionItem) -> str:
    image = Image.open(bench.data / item.path)
    regions = [Region.from_rle(rle, source=item.key) for rle in item.rles]
    colours = [COLOURS[n % len(COLOURS)] for n in range(len(regions))]
    drawn = annotate(image, regions, fill=0.18, colours=colours, longest=LONGEST)
    return "data:image/jpeg;base64," + base64.b64encode(drawn.encoded("JPEG", quality=82)).decode("ascii")


def whole_page(
    figures: Sequence[tuple[str, str, str]], header: Sequence[str], rows: Sequence[Sequence[object]],
    sections: Sequence[tuple[str, Sequence[Html]]],
) -> str:  # fmt: skip
    """The page: figures first, then the table, then the cards under their titles."""
    cards = "".join(
        f'<h2>{text(title)}</h2><div class="cards">{"".join(found)}</div>' for title, found in sections if found
    )
    lead = (
        "<p>The describer has seen drawn scenes only; nothing here is in its training. Each caption is of the region "
        "outlined in green, given as GAR-Bench's own mask. Chosen by rule: replies that name the subject first, then "
        "those whose stated place is right, then by similarity to the right answer; the worst are the other end.</p>"
    )
    title = "What the describer says of real photographs: GAR-Bench's caption parts"
    return page(title, f"{STYLE}<h1>{text(title)}</h1>{lead}{tiles(figures)}{table(header, rows)}{cards}")
