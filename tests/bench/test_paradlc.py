"""ParaDLC-Bench: the official files as they are, the two aggregations, and what parallel description costs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from lucida.bench.protocol import load_protocol
from lucida.bench.protocols.paradlc import ParaDLCBench, parallel_costs
from lucida.bench.records import Reply
from lucida.media.errors import InputError
from tests.bench.official_files import official


@pytest.fixture(scope="module")
def bench() -> ParaDLCBench:
    found = load_protocol("paradlc", official("paradlc-bench"))
    assert isinstance(found, ParaDLCBench)
    return found


def test_official_files_are_read_as_they_are(bench: ParaDLCBench) -> None:
    questions = [question for item in bench.items for question in item.questions]
    kinds = Counter((question.kind, question.subtype) for question in questions)
    assert len(bench.items) == 299 and len({item.picture for item in bench.items}) == 100
    assert kinds == {
        ("positive", ""): 1137, ("negative", "salient negative"): 679, ("negative", "negative part"): 529,
    }  # fmt: skip
    assert len(questions) == 2345
    assert [line.split(":")[0] for line in bench.problems] == ["100 of 100 pictures are missing"]
    pictures = Counter(Counter(item.picture for item in bench.items).values())
    assert pictures == {2: 38, 3: 41, 4: 13, 5: 4, 6: 1, 7: 2, 8: 1}


def test_requests_share_a_group_per_picture(bench: ParaDLCBench) -> None:
    requests = bench.requests()
    assert len(requests) == len({request.id for request in requests}) == 299
    assert all(request.id.rsplit("_", 1)[0] == request.cluster == request.group for request in requests)
    assert all(len(request.regions) == 1 and request.task == "describe" for request in requests)
    assert max(Counter(request.group for request in requests).values()) == 8
    groups = [request.group for request in requests]
    assert len(set(groups)) == 1 + sum(a != b for a, b in pairwise(groups))  # side by side


def test_groups_can_be_bounded() -> None:
    bounded = load_protocol("paradlc", official("paradlc-bench"), regions_per_pass=6)
    groups = Counter(request.group for request in bounded.requests())
    assert max(groups.values()) == 6 and len(groups) == 103  # the released run's 103 passes
    assert sum(groups.values()) / len(groups) == pytest.approx(2.9, abs=0.01)  # its published "TPF"
    with pytest.raises(InputError, match="regions_per_pass is 0"):
        load_protocol("paradlc", official("paradlc-bench"), regions_per_pass=0)


def test_the_released_positive_figure_cannot_reach_100(bench: ParaDLCBench) -> None:
    """12 masks have no positive question; the released scorer gives them 0 instead of leaving them out."""
    released, mended = bench.score({}, compat=True), bench.score({})
    assert released.ceilings["positive"] == pytest.approx(100 * 287 / 299)
    assert mended.ceilings["positive"] == mended.ceilings["mean"] == mended.ceilings["per_mask"] == 100
    assert mended.statuses["missing"] == 299 and mended.summary["mean"] == 0


def test_boxes_are_corners_not_sizes() -> None:
    """Why ``bbox`` is not used as COCO has it: read as corners it lies in the picture, read as sizes it does not."""
    import json

    rows = json.loads((official("paradlc-bench") / "annotations.json").read_text())
    boxes = [(picture, mask["bbox"]) for picture in rows for mask in picture["annotations"]]
    assert all(b[0] < b[2] <= p["width"] and b[1] < b[3] <= p["height"] for p, b in boxes)
    assert sum(b[0] + b[2] > p["width"] or b[1] + b[3] > p["height"] for p, b in boxes) > 150


def test_costs_of_shared_decodes() -> None:
    """Three regions in one decode of 8 passes and 0.6 s, one in another of 4 passes and 0.2 s."""
    shared = [
        Reply(id=str(n), raw="x", seconds=0.2, tokens=10, cost={"regions": 3, "passes": 8}) for n in range(3)
    ]
    alone = Reply(id="3", raw="x", seconds=0.2, tokens=6, cost={"regions": 1, "passes": 4})
    assert parallel_costs([*shared, alone]) == pytest.approx(
        {
            "seconds": 0.8,
            "regions_per_decode": 2,
            "passes": 12,
            "regions_per_pass": 4 / 12,
            "tokens_per_pass": 3,
        }
    )
    assert parallel_costs([Reply(id="0", raw="x", seconds=1.0)]) == {"seconds": 1.0}  # nothing is guessed
    assert parallel_costs([Reply(id="0", raw="x")]) == parallel_costs([]) == {}
    assert parallel_costs([Reply(id="0", raw="", error="down", seconds=9.0)]) == {}
