"""VideoZeroBench: every quirk as released and mended, oracles at their closed forms, the official formats."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucida.bench.protocol import load_protocol
from lucida.bench.protocols import videozero_released as released
from lucida.bench.protocols.evidence import objects_iou, pixels_iou
from lucida.bench.protocols.videozero import VideoZeroBench
from lucida.bench.protocols.videozero_oracles import independent, sees, written
from lucida.bench.protocols.videozero_read import answer_of, boxes_of, viou, windows_of
from lucida.bench.records import Reply, Score, replies_of
from lucida.media.errors import InputError
from lucida.metrics.geometry import spans_iou


def row(n: int, **fields: Any) -> dict[str, Any]:
    """Question n: 4 of 5 have a window, 3 of 5 boxes, 2 of 5 both; answers 3, red, 1:56, Chicago, left in turn."""
    k = n % 5
    known = {
        "question_id": n, "video": f"v{n // 2}.mp4", "video_id": n // 2, "duration": 100.0, "category": "Music",
        "language": "cn" if n % 2 else "en", "question": "What?", "answer": ("3", "红色", "1:56", "Chicago", "left")[k],
        "evidence_windows": [{"start": 10.0 + n, "end": 30.0 + n}] if k != 0 else [],
        "evidence_boxes": [{"time": 20.25, "box": [0.2, 0.2, 0.5, 0.5]}, {"time": 20.25, "box": [0.5, 0.2, 0.8, 0.5]},
                           {"time": 22.5, "box": [0.1, 0.1, 0.4, 0.4]}] if k in (0, 1, 2) else [],
        "evidence_span": "short-term", "annotation_capabilities": ["counting", "OCR"],
    }  # fmt: skip
    return {**known, **fields}


def made(folder: Path, rows: list[Any], *, tsv: bool = False, **options: Any) -> VideoZeroBench:
    folder.mkdir(exist_ok=True)
    if tsv:
        with (folder / "VideoZeroBench_500_v0.tsv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
            writer.writeheader()
            writer.writerows(
                {k: json.dumps(v) if isinstance(v, list) else v for k, v in entry.items()} for entry in rows
            )
    else:
        (folder / "VideoZeroBench_500_v0.json").write_text(json.dumps(rows))
    found = load_protocol("videozero", folder, **options)
    assert isinstance(found, VideoZeroBench)
    return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> VideoZeroBench:
    return made(tmp_path_factory.mktemp("vzb"), [row(n) for n in range(20)])


def figures(score: Score) -> dict[str, float]:
    names = ("level1", "level2", "level3", "tiou", "level4", "viou", "level5")
    return {name: round(score.summary[name], 6) for name in names}


def test_requests_and_ceilings(bench: VideoZeroBench) -> None:
    assert len(bench.requests()) == 3 * 20 + 16 + 12
    one = {request.id: request for request in bench.requests() if request.item == "1"}
    assert "From <11.00 seconds> to <31.00 seconds>" in one["1/level1"].prompt
    assert "Normalized Box=[200, 200, 500, 500]" in one["1/level1"].prompt
    assert "Normalized Box" not in one["1/level2"].prompt and "11.00" not in one["1/level3"].prompt
    assert "20.25, 22.50" in one["1/level5"].prompt and one["1/level5"].frames.times == (20.25, 22.5)
    assert one["1/level1"].frames.times == () and "问题" in one["1/level3"].prompt
    assert bench.score({}).ceilings == {"level4": 80.0, "level5": 40.0}
    assert bench.score({}).statuses["missing"] == 88 and bench.score({}).n == 20


def test_tsv_equals_json(tmp_path: Path, bench: VideoZeroBench) -> None:
    tsv = made(tmp_path / "t", [row(n) for n in range(20)], tsv=True)
    assert tsv.items == bench.items


@pytest.mark.parametrize("unit", ["thousand", "normalised", "pixels"])
@pytest.mark.parametrize("compat", [False, True])
def test_oracles_land_on_closed_forms(tmp_path: Path, unit: str, compat: bool) -> None:
    bench = made(tmp_path / "o", [row(n) for n in range(20)], unit=unit)
    base = bench.baselines()
    perfect = {
        "level1": 100,
        "level2": 100,
        "level3": 100,
        "tiou": 100,
        "level4": 80,
        "viou": 100,
        "level5": 40,
    }
    found = {name: figures(bench.score(replies, compat=compat)) for name, replies in base.items()}
    assert found["oracle-perfect"] == pytest.approx(perfect)
    assert found["oracle-wrong-evidence"] == pytest.approx(
        perfect | {"tiou": 0, "level4": 0, "viou": 0, "level5": 0}
    )
    wrong = dict.fromkeys(("level1", "level2", "level3", "level4", "level5"), 0)
    assert found["oracle-wrong-answer"] == pytest.approx(perfect | wrong)
    trivial = found["commonest-answer-whole-video"]
    assert trivial["tiou"] == pytest.approx(20) and trivial["level3"] == pytest.approx(20)
    frame = (0.18 + 0.09) / 2 if compat else (0.09 / 2 + 0.09) / 2  # as pixels; or one object of two
    assert trivial["viou"] == pytest.approx(100 * frame, abs=1e-4)
    assert found["empty"] == pytest.approx(dict.fromkeys(perfect, 0) | ({
        "level1": 20, "level2": 20, "level3": 20} if compat else {}))  # fmt: skip
    broken = found["oracle-broken-format"]
    assert broken == pytest.approx(dict.fromkeys(perfect, 0) if compat else perfect)


@pytest.mark.parametrize("late", [0.0, 0.005, 2.0, 10.0, 25.0])
def test_time_jitter_curve(bench: VideoZeroBench, late: float) -> None:
    replies = replies_of({k: v for item in bench.items for k, v in written(item, late=late).items()}, "qwen3")
    for compat in (False, True):
        score = bench.score(replies, compat=compat)
        assert score.summary["tiou"] == pytest.approx(100 * max(0.0, 20 - late) / (20 + late))
        kept = late <= 0.1 if not compat else late < 0.005 or round(20.25 + late, 2) == 20.25
        if not compat or late != 0.005:
            assert score.summary["viou"] == pytest.approx(100 if kept else 0)


@pytest.mark.parametrize("aside", [0.0, 0.05, 0.1])
def test_box_jitter_curve(tmp_path: Path, aside: float) -> None:
    lone = row(2, evidence_boxes=[{"time": 5.0, "box": [0.1, 0.1, 0.4, 0.4]}])
    bench = made(tmp_path / "b", [lone])
    replies = replies_of(written(bench.items[0], aside=aside), "qwen3")
    for compat in (False, True):
        value = bench.score(replies, compat=compat).summary["viou"]
        assert value == pytest.approx(100 * (0.3 - aside) / (0.3 + aside))


def test_independence_shows_as_a_lift_of_one(tmp_path: Path) -> None:
    bench = made(tmp_path / "i", [row(5 * n + 3) for n in range(160)])
    score = bench.score(independent(bench.items, 0.5, 0.4))
    assert score.summary["level4 lift"] == pytest.approx(1.0, abs=0.3)
    assert score.summary["level4"] == pytest.approx(20, abs=9.5)  # three standard errors
    full = bench.score(bench.baselines()["oracle-perfect"])
    assert full.summary["level4 lift"] == 1.0


def test_reader_with_few_frames_follows_the_spacing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    starts = rng.uniform(0, 96, 250)
    rows = [row(5 * n + 3, evidence_windows=[{"start": s, "end": s + 3.0}]) for n, s in enumerate(starts)]
    bench = made(tmp_path / "f", rows)
    for frames in (6, 16, 34, 64):
        share = float(np.mean([sees(item, frames) for item in bench.items]))
        assert share == pytest.approx(min(1.0, 3.0 / (100 / (frames - 1))), abs=0.09)
    score = bench.score(bench.baselines()["oracle-reads-16-frames"])
    assert score.summary["level3"] == pytest.approx(100 * np.mean([sees(item, 16) for item in bench.items]))


@pytest.mark.parametrize(
    ("text", "gold", "as_released", "mended"),
    [
        ("3", "3", 1, 1), ("3.0", "3", 0, 1), ("three", "3", 0, 1), ("3 people", "3", 0, 1), ("**3**", "3", 0, 1),
        ("3个人", "3", 0, 1), ("三个", "3", 0, 1), ("三", "3", 0, 1), ("3", "3", 0 + 1, 1), ("3 or 4", "3", 0, 0),
        ("01:56", "1:56", 0, 1), ("1:57", "1:56", 0, 0), ("116", "1:56", 0, 0),
        ("The answer is Chicago", "Chicago", 0, 1), ("chicago.", "Chicago", 1, 1), ("New York", "Chicago", 0, 0),
        ("not Chicago", "Chicago", 0, 0), ("", "红色", 1, 0), ("红", "红色", 1, 1), ("色", "红色", 1, 0),
        ("蓝色", "红色", 0, 0), ("汽车", "车", 1, 1), ("没有车的路上没有人", "车", 1, 0), ("", "3", 0, 0),
        ("<answer>3</answer>", "3", 1, 1), ("<think>4</think>3", "3", 0, 1), ("```\n3\n```", "3", 1, 1),
        ("A, B", "A,B", 0, 1), ("B, A", "A,B", 0, 0), ("答案是左", "左", 0, 1), ("左。", "左", 1, 1),
        ("\ufeff", "红色", 0, 0),
    ],
)  # fmt: skip
def test_answers(text: str, gold: str, as_released: int, mended: int) -> None:
    assert released.released_match(text, gold) == bool(as_released)
    assert answer_of(text, gold)[1] == bool(mended)


@pytest.mark.parametrize(
    ("text", "as_released", "mended"),
    [
        ("From <3.5 seconds> to <5 seconds>.", [(3.5, 5)], [(3.5, 5)]), ("1:02 - 1:05.5", [(62, 65.5)], [(62, 65.5)]),
        ("3~5", [(3, 5)], [(3, 5)]), ("3 – 5", [(3, 5)], [(3, 5)]), ("from 5 to 3", [], []), ("from 3 to 3", [], []),
        ("between 3 and 5", [], [(3, 5)]), ("[3, 5]", [], [(3, 5)]), ('[{"start": 3, "end": 5}]', [], [(3, 5)]),
        ("1:00:03 to 1:00:05", [], [(3603, 3605)]), ("12.5 seconds~15 seconds", [], [(12.5, 15)]),
        ("from 3 people to 5 people", [(3, 5)], []), ("3 to 5 people", [(3, 5)], []), ("从3秒到5秒", [], [(3, 5)]),
        ("From 3 to 5. From 7 to 9.", [(3, 5), (7, 9)], [(3, 5), (7, 9)]), ("no idea", [], []), ("", [], []),
        ("<think>1 to 2</think>3 to 5", [(1, 2), (3, 5)], [(3, 5)]),
    ],
)  # fmt: skip
def test_windows(text: str, as_released: list[Any], mended: list[Any]) -> None:
    assert released.released_windows(text) == as_released
    assert windows_of(text) == mended


def test_tiou_of_unions_against_a_raster() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        sets = [
            [tuple(sorted(rng.choice(60, 2, replace=False))) for _ in range(rng.integers(1, 4))] for _ in "ab"
        ]
        a, b = (np.zeros(60, bool) for _ in "ab")
        for raster, spans in ((a, sets[0]), (b, sets[1])):
            for t0, t1 in spans:
                raster[t0:t1] = True
        said = " ".join(f"{t0} to {t1}." for t0, t1 in sets[0])
        assert released.released_tiou(said, sets[1]) == pytest.approx((a & b).sum() / (a | b).sum())
        assert spans_iou(windows_of(said), sets[1]) == pytest.approx((a & b).sum() / (a | b).sum())


def test_boxes_against_a_raster_and_objects_one_to_one() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        rasters, sets = [np.zeros((20, 20), bool) for _ in "ab"], [[], []]
        for raster, boxes in zip(rasters, sets, strict=True):
            for _ in range(rng.integers(1, 4)):
                x0, x1 = sorted(rng.choice(21, 2, replace=False))
                y0, y1 = sorted(rng.choice(21, 2, replace=False))
                raster[y0:y1, x0:x1] = True
                boxes.append((x0 / 20, y0 / 20, x1 / 20, y1 / 20))
        a, b = rasters
        assert pixels_iou(*sets) == pytest.approx((a & b).sum() / (a | b).sum())
    two, one = [(0.2, 0.2, 0.5, 0.5), (0.5, 0.2, 0.8, 0.5)], [(0.2, 0.2, 0.8, 0.5)]
    assert pixels_iou(two, one) == pytest.approx(1.0)
    assert objects_iou(two, one) == pytest.approx(0.25)
    assert objects_iou(two, two[::-1]) == pytest.approx(1.0) and objects_iou(two, []) == 0
    assert objects_iou(two, [*two, (0, 0, 0.1, 0.1)]) == pytest.approx(2 / 3)
    many = [(i / 20, 0.0, (i + 1) / 20, 0.5) for i in range(15)]
    assert objects_iou(many, many[::-1]) == pytest.approx(1.0)


GOOD = '[{"time": 20.25, "bbox_2d": [[200, 200, 500, 500]]}]'


@pytest.mark.parametrize(
    ("text", "as_released", "mended"),
    [
        (GOOD, 1, 1), (f"```json\n{GOOD}\n```", 1, 1), (f"Sure: {GOOD}", 0, 1), (GOOD[:-1], 0, 1),
        (GOOD[:-1] + ', {"time": 22.5, "bbox_2d": []}]', 0, 1), (GOOD[:-1] + ', {"bbox_2d": [[1, 2, 3]]}]', 0, 1),
        (GOOD.replace("20.25", "20.26"), 0, 1), (GOOD.replace("20.25", "20.4"), 0, 0), ("[]", 0, 0),
        (GOOD[:-1] + ', {"time": 20.25, "bbox_2d": [[0, 0, 9, 9]]}]', 0, 0.5), (GOOD.replace("500", "5000"), None, 0),
        (f"<think>hm</think>{GOOD}", 0, 1), ('[{"time": "0:20.25", "bbox_2d": [200, 200, 500, 500]}]', 0, 1),
        ("", 0, 0),
    ],
)  # fmt: skip
def test_boxes(text: str, as_released: float | None, mended: float) -> None:
    gold = [(20.25, (0.2, 0.2, 0.5, 0.5))]
    reply = Reply(id="x", raw=text, model="Qwen3-VL")
    value, _ = released.released_viou(reply, gold, unit=released.released_unit(reply))
    if as_released is not None:
        assert value == pytest.approx(as_released, abs=2e-3)
    said, _ = boxes_of(text, "thousand", None)
    assert viou({20.25: [gold[0][1]]}, said) == pytest.approx(mended)


def test_units_are_declared_not_guessed(bench: VideoZeroBench) -> None:
    assert [released.released_unit(Reply(id="", raw="", model=m)) for m in ("Qwen3-VL", "Qwen2.5-VL", "x")] == [
        "thousand", "pixels", "normalised",
    ]  # fmt: skip
    assert boxes_of(GOOD, "pixels", (1000, 1000))[0] == boxes_of(GOOD, "thousand", None)[0]
    assert boxes_of(GOOD, "normalised", None)[0] == [(20.25, [])]
    for unit, word in (("furlongs", "unknown box unit 'furlongs'"), ("pixels", "unknown size")):
        score = bench.score({"1/level5": Reply(id="1/level5", raw=GOOD, unit=unit)})
        found = next(entry for entry in score.rows if entry.id == "1/level5")
        assert found.status == "unparsed" and word in found.note


def test_saved_file_scored_again(tmp_path: Path) -> None:
    rows = [row(n) for n in range(5)]
    bench = made(tmp_path / "a", rows, rescored="true")
    replies = bench.baselines()["oracle-perfect"]
    assert (
        bench.score(replies, compat=True).summary["viou"] == 0
    )  # the released scorer has forgotten the unit
    assert bench.score(replies).summary["viou"] == pytest.approx(100)
    again = made(tmp_path / "c", rows).score(replies, compat=True)
    assert again.summary["viou"] == pytest.approx(100)


def test_thresholds_are_strict(tmp_path: Path) -> None:
    bench = made(tmp_path / "s", [row(3, evidence_windows=[{"start": 0, "end": 10}])])
    for end, passes in ((3, 0.0), (3.01, 100.0)):
        texts = {"3/level3": "Chicago", "3/level4": f"From 0 to {end}"}
        for compat in (False, True):
            assert bench.score(replies_of(texts, "x"), compat=compat).summary["level4"] == passes


def test_bad_rows_are_named(tmp_path: Path) -> None:
    empty = row(
        8,
        evidence_windows=[{"start": 3, "end": 3}],
        evidence_boxes=[{"time": 1, "box": [0.5, 0.5, 0.5, 0.6]}],
    )
    bad = [
        row(1),
        row(2, duration=-1),
        row(3, answer=""),
        row(4, evidence_windows="nope"),
        7,
        {"question_id": 5},
        empty,
    ]
    bench = made(tmp_path / "x", [row(1), *bad], frames="0")
    assert [item.id for item in bench.items] == ["1", "8"]
    told = "\n".join(bench.problems)
    for word in ("duplicate", "duration is -1", "answer is ''", "evidence_windows is not JSON", "row 6", "question 5",
                 "no length", "is empty"):  # fmt: skip
        assert word in told
    assert all(not request.media for request in bench.requests())  # blind
    for options in ({"unit": "miles"}, {"frames": "x"}, {"rescored": "maybe"}, {"colour": 1}):
        with pytest.raises(InputError):
            made(tmp_path / "x", [row(1)], **options)
    with pytest.raises(InputError, match="not VideoZeroBench"):
        load_protocol("videozero", tmp_path)


def test_garbage_is_never_right_and_scoring_is_repeatable(bench: VideoZeroBench) -> None:
    asked = [request.id for request in bench.requests()]
    for garbage in ("", "\x00", "🦊" * 50, "[" * 5000, '{"time": 1e999}', "色", "null"):
        score = bench.score({key: Reply(id=key, raw=garbage) for key in asked})
        assert all(value == 0 for value in figures(score).values())
    replies = bench.baselines()["oracle-perfect"]
    assert bench.score(replies) == bench.score(dict(reversed(replies.items())))
