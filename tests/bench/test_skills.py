"""Scripted skills: what five levels, joint mode and the probes see of each is known beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lucida.bench.cache import Cache
from lucida.bench.made import make
from lucida.bench.models import load_model
from lucida.bench.models.skills import SKILLS, Look, seen
from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.videozero_items import Item
from lucida.bench.records import Score
from lucida.bench.runner import run
from lucida.media.errors import InputError

DENSE = 160  # every frame of a clip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("videozero", tmp_path_factory.mktemp("skills") / "data", count=3, seed=2)


def score(data: Path, protocol: str, skill: str, **options: Any) -> Score:
    loaded = load_protocol(protocol, data, **{"frames": DENSE, "height": 32, **options})
    out = data.parent / f"{protocol}-{skill}-{len(list(data.parent.iterdir()))}"
    result = run(loaded, load_model(f"skill:{skill}", loaded), out, cache=Cache(data.parent / "cache"))
    assert not result.errors and not result.problems
    return loaded.score(result.replies)


@pytest.mark.parametrize("unit", ["thousand", "pixels"])
def test_five_levels(data: Path, unit: str) -> None:
    found = {
        name: score(data, "videozero", name, unit=unit)
        for name in ("perfect", "answer-only", "evidence-only")
    }
    top = found["perfect"].ceilings
    for name, right, there in (("perfect", 100, 100), ("answer-only", 100, 0), ("evidence-only", 0, 100)):
        summary = found[name].summary
        assert all(summary[f"level{n}"] == right for n in (1, 2, 3))
        assert summary["tiou"] == pytest.approx(there) and summary["viou"] == pytest.approx(there, abs=0.2)
        both = name == "perfect"
        assert summary["level4"] == (top["level4"] if both else 0)
        assert summary["level5"] == (top["level5"] if both else 0)


def test_late_clock_and_short_memory(data: Path) -> None:
    late, recent = score(data, "videozero", "shifted-evidence"), score(data, "videozero", "recency-only")
    assert late.summary["level3"] == 100 and late.summary["level4"] < 20 and late.summary["viou"] == 0
    items = load_protocol("videozero", data).items  # type: ignore[attr-defined]
    ends = [
        item for item in items if item.windows and min(a for a, _ in item.windows) >= 0.75 * item.duration
    ]
    assert recent.summary["level3"] <= 100 * (len(ends) + sum(not item.windows for item in items)) / len(
        items
    )


def test_reader_with_few_frames_is_told_but_not_shown(data: Path) -> None:
    few = score(data, "videozero", "reader", frames=8)
    shown = score(data, "videozero", "reader", frames=8, show_evidence=True)
    dense = score(data, "videozero", "reader")
    assert (
        few.summary["level1"]
        == few.summary["level2"]
        == few.summary["level3"]
        < 100
        == dense.summary["level3"]
    )
    assert (
        shown.summary["level2"] > few.summary["level2"] and shown.summary["level3"] == few.summary["level3"]
    )
    tied = score(data, "videozero-joint", "reader", frames=16).summary
    assert "lift" not in tied or tied["lift"] > 1


@pytest.mark.parametrize(
    ("skill", "changed"),
    [
        ("perfect", (0, 0, 0)),
        ("reader", (100, 0, 0)),
        ("answer-only", (0, 0, 0)),
        ("evidence-only", (0, 0, 0)),
    ],
)
def test_probes(data: Path, skill: str, changed: tuple[int, int, int]) -> None:
    found = score(data, "videozero-joint", skill)
    probed = ("removed", "random", "swapped")
    assert tuple(found.summary[f"changed when {name}"] for name in probed) == changed
    if skill == "reader":
        assert found.summary["answer when removed"] == 0 and found.summary["answer when random"] == 100
        assert any(
            "their frames are left" in note for note in found.notes
        )  # questions without windows: it cites all


def test_believer_is_found_out_by_other_evidence(data: Path) -> None:
    found = score(data, "videozero-joint", "believer").summary
    assert found["joint"] > 0 and found["changed when removed"] == 0 < found["changed when swapped"]
    assert found["answer when swapped"] == pytest.approx(100 - found["changed when swapped"])


def test_what_counts_as_seen() -> None:
    fields: dict[str, Any] = {"id": "1", "video": "v", "duration": 10.0, "question": "?", "answer": "red"}
    item = Item(**fields, windows=((1.0, 2.0), (5.0, 6.0)))
    assert seen(item, [1.5, 5.0]) and not seen(item, [1.5, 4.9]) and not seen(item, [])
    moment = Item(**fields, boxes=((4.0, (0.1, 0.1, 0.2, 0.2)),))
    assert seen(moment, [4.2]) and not seen(moment, [4.3])
    assert seen(Item(**fields), [0.0]) and not seen(Item(**fields), [])
    for name, skill in SKILLS.items():
        said = skill(Look(item=item, times=(1.5,), told=()))
        assert said.answer in ("red", "unknown") and said.windows, name


def test_unknown_skill_and_other_protocol(data: Path, tmp_path: Path) -> None:
    loaded = load_protocol("videozero", data)
    with pytest.raises(InputError, match="want one of perfect"):
        load_model("skill:juggling", loaded)
    with pytest.raises(InputError, match="nothing after the colon"):
        load_model("skill:", loaded)
    other = load_protocol("grounding", make("grounding", tmp_path / "g", count=1))
    with pytest.raises(InputError, match="only for videozero"):
        load_model("skill:reader", other)
