"""Power against textbook values; paired comparison; the frame plan by hand; the cache's address."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lucida.bench.cache import Cache
from lucida.bench.compare import compare
from lucida.bench.frames import choose
from lucida.bench.power import detectable, factor, items_needed, paired_sd, two_proportions
from lucida.bench.records import FramePlan, MediaRef, Request, Row, Score, count_statuses, to_json
from lucida.media.errors import InputError


def document(values: list[float], clusters: list[str], **provenance: str) -> dict:
    rows = tuple(Row(id=str(n), item=str(n), cluster=c, scores={"x": v})
                 for n, (v, c) in enumerate(zip(values, clusters, strict=True)))  # fmt: skip
    counts = count_statuses(rows)
    score = Score(protocol="p", rows=rows, summary={}, n=len(rows), statuses=counts, provenance=provenance)
    return {"protocol": "p", "score": to_json(score)}


def test_power_by_hand() -> None:
    assert factor() == pytest.approx(1.959964 + 0.841621, abs=1e-5)
    assert detectable(1.0, 100) == pytest.approx(0.28016, abs=1e-4)
    assert two_proportions(400, 0.5) == pytest.approx(2.80159 * math.sqrt(0.5 / 400), abs=1e-5)
    needed = items_needed(0.05, 0.3)
    assert two_proportions(needed, 0.3) <= 0.05 < two_proportions(needed - 1, 0.3)


def test_items_that_share_a_video_count_for_less() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=50), 4)
    _, alone = paired_sd(values, list(range(200)))
    _, shared = paired_sd(values, [n // 4 for n in range(200)])
    assert alone == pytest.approx(200, rel=0.02) and shared == pytest.approx(50, rel=0.05)


def test_comparison_is_by_item() -> None:
    clusters = [f"v{n // 4}" for n in range(40)]
    b = [float(n % 2) for n in range(40)]
    a = [1.0 if n % 4 == 0 else value for n, value in enumerate(b)]
    found = compare(document(a, clusters, data="1"), document(b, clusters, data="2"))[0]
    assert found.difference.mean == pytest.approx(0.25) and found.difference.low == pytest.approx(0.25)
    assert (found.wins, found.losses, found.ties) == (10, 0, 30)
    assert found.warnings == ("data differs: 1 against 2",)
    with pytest.raises(InputError, match="--score y"):
        compare(document(a, clusters), document(b, clusters), score="y")


def test_frame_plans_by_hand() -> None:
    seconds = np.arange(10) / 2.0  # 0 … 4.5, ends at 5

    def chosen(span: tuple[float, float] | None = None, **plan: object) -> list[int]:
        return choose(FramePlan(**plan), seconds, span, 5.0)  # pyright: ignore

    assert chosen(kind="none") == []
    assert chosen(kind="uniform", count=4) == [0, 3, 6, 9]
    assert chosen(kind="uniform", count=4, span=(1.0, 3.0)) == [2, 3, 4, 5]
    assert chosen(kind="uniform", count=99) == list(range(10))
    assert chosen(kind="fps", fps=1.0) == [0, 2, 4, 6, 8]
    assert chosen(kind="times", times=(0.9, 4.9, 100.0, -1.0)) == [0, 1, 9]
    assert chosen(kind="uniform", count=4, times=(1.0, 1.5)) == [0, 2, 3, 9]
    assert chosen(kind="uniform", count=2, times=(0.5, 1.0, 2.0)) == [1, 4]
    assert chosen(kind="uniform", count=10, without=((1.0, 2.0),)) == [0, 1, 5, 6, 7, 8, 9]
    assert chosen(kind="uniform", count=3, span=(4.9, 4.95)) == [9]


def test_the_address_of_a_reply_is_its_content(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "v.bin").write_bytes(b"film")
    (tmp_path / "a" / "w.bin").write_bytes(b"film")
    request = Request(id="1", item="1", cluster="v", prompt="?", media=(MediaRef(path="v.bin", kind="video"),),
                      frames=FramePlan(kind="uniform", count=2), meta={"x": 1})  # fmt: skip
    cache, model = Cache(tmp_path / "cache"), {"model": "m", "seed": 0}
    key = cache.request_key(request, tmp_path / "a", model)
    same = replace(request, id="2", item="2", meta={}, media=(MediaRef(path="w.bin", kind="video"),))
    assert cache.request_key(same, tmp_path / "a", model) == key == cache.request_key(request, tmp_path / "b", model)
    others = [
        cache.request_key(replace(request, prompt="??"), tmp_path / "a", model),
        cache.request_key(replace(request, max_tokens=5), tmp_path / "a", model),
        cache.request_key(replace(request, frames=FramePlan(kind="uniform", count=3)), tmp_path / "a", model),
        cache.request_key(request, tmp_path / "a", {**model, "seed": 1}),
    ]
    (tmp_path / "b" / "v.bin").write_bytes(b"other film")
    others.append(cache.request_key(request, tmp_path / "b", model))
    assert len({key, *others}) == 6
