"""Captions, answers, tracks, and the JSON document that carries them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media import (
    Answer,
    Caption,
    Evidence,
    InputError,
    Region,
    Track,
    load_document,
    result_document,
    result_json,
)
from tests.media.shapes import donut, masks

SIZE = (20, 40)


def box(x0: float, y0: float, x1: float, y1: float) -> Region:
    return Region.from_box((x0, y0, x1, y1), SIZE)


# tracks


def test_a_track_finds_the_nearest_or_interpolates() -> None:
    first, second = box(0, 0, 0.5, 0.5), box(0.5, 0.5, 1, 1)
    track = Track({2.0: second, 1.0: first})
    assert track.times == (1.0, 2.0) and track.span == (1.0, 2.0) and len(track) == 2 and track.size == SIZE
    assert track.at(1.0) == track.at(1.01) == track.at(0.985) == first
    assert track.at(1.5) == box(0.25, 0.25, 0.75, 0.75)
    assert track.at(0.9) is None and track.at(2.1) is None
    assert track.at(2.1, tolerance=0.2) == second
    assert dict(track) == {1.0: first, 2.0: second}
    assert Track({1: first, 2: second}) == track and hash(Track({1: first, 2: second})) == hash(track)


def test_resampling_a_track() -> None:
    track = Track({0.0: box(0, 0, 0.5, 1), 1.0: box(0.5, 0, 1, 1)})
    assert track.resampled([-1, 0, 0.5, 1, 7]).times == (0, 0.5, 1)
    assert track.resampled(track.times) == track
    assert track.resized((40, 80)).size == (40, 80)
    with pytest.raises(InputError, match="0 to 1 s"):
        track.resampled([5])


@given(st.dictionaries(st.floats(0, 100), masks((5, 6)), min_size=1, max_size=6), st.floats(-10, 110))
def test_a_track_is_somewhere_inside_its_span(regions: dict[float, np.ndarray], t: float) -> None:
    track = Track({time: Region.from_mask(mask) for time, mask in regions.items()})
    found = track.at(t)
    assert (found is not None) == (track.span[0] - 0.02 <= t <= track.span[1] + 0.02)
    assert all(track.at(time, tolerance=0) == region for time, region in track)


def test_bad_tracks() -> None:
    with pytest.raises(InputError, match="at least one"):
        Track({})
    with pytest.raises(InputError, match="finite"):
        Track({math.nan: box(0, 0, 1, 1)})
    with pytest.raises(InputError, match="one picture size"):
        Track({0: box(0, 0, 1, 1), 1: Region.from_box((0, 0, 1, 1), (3, 3))})


# records


def test_records_check_themselves() -> None:
    whole = box(0, 0, 1, 1)
    with pytest.raises(InputError, match="both times"):
        Evidence("cat", 1.0)
    with pytest.raises(InputError, match="ends before"):
        Evidence("cat", 2.0, 1.0)
    with pytest.raises(InputError, match="ends before"):
        Evidence("cat", math.nan, 1.0)
    with pytest.raises(InputError, match="both a region and a track"):
        Evidence("cat", region=whole, track=Track({0: whole}))
    for score in (-0.1, 1.5, math.nan):
        with pytest.raises(InputError, match=r"0\.\.1"):
            Evidence("cat", score=score)
        with pytest.raises(InputError, match=r"0\.\.1"):
            Caption(whole, "a cat", score)
    with pytest.raises(InputError, match="inspected"):
        Answer("cannot tell", abstained=True)


# documents

RESULTS = (
    Caption(Region.from_mask(donut()), "a ring — «große» 环", 0.75, 6, (Evidence("ring", score=0.5),)),
    Caption(None, "the whole picture"),
    Answer(
        "three",
        (Evidence("ball", 1.25, 2.5, track=Track({1.25: box(0, 0, 1, 1), 2.5: box(0, 0, 0.5, 1)})),),
        0.9,
    ),
    Answer("too dark", abstained=True, inspected=("frames 3.2 s to 4.8 s", "region 2")),
)
FIELDS = {"size": SIZE, "nfe": 12, "seconds": 0.25, "model": "describe", "seed": 7}


def test_the_document_has_the_published_shape() -> None:
    data = result_document(RESULTS[:1], image="a.jpg", **FIELDS)
    assert list(data) == ["schema", "image", "size", "results", "nfe", "seconds", "model", "seed"]
    assert data["schema"] == "lucida/1" and data["size"] == [20, 40]
    (entry,) = data["results"]
    assert set(entry["region"]["rle"]) == {"size", "counts"} and len(entry["region"]["box"]) == 4
    assert entry["text"] == RESULTS[0].text and entry["confidence"] == 0.75
    assert entry["evidence"] == [{"label": "ring", "t": None, "region": None, "score": 0.5}]
    moving = result_document(RESULTS[2:3], video="a.mp4", size=SIZE)["results"][0]["evidence"][0]
    assert moving["t"] == [1.25, 2.5] and [each["t"] for each in moving["track"]] == [1.25, 2.5]


def test_documents_come_back(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(result_json(RESULTS, video="a.mp4", indent=2, **FIELDS), encoding="utf-8")
    document = load_document(path)
    assert document.results == RESULTS
    assert (document.image, document.video, document.size) == (None, "a.mp4", SIZE)
    assert (document.nfe, document.seconds, document.model, document.seed) == (12, 0.25, "describe", 7)
    assert load_document(result_document(RESULTS, video="a.mp4", **FIELDS)) == document


def test_json_never_holds_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        result_json((), image="a.jpg", size=SIZE, seconds=math.nan)
    for names in ({}, {"image": "a", "video": "b"}):
        with pytest.raises(InputError, match="exactly one"):
            result_document((), size=SIZE, **names)


def changed(path: str, value: object) -> dict:
    data = json.loads(result_json(RESULTS, video="a.mp4", **FIELDS))
    node, keys = data, [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in keys[:-1]:
        node = node[key]
    if value is ...:
        del node[keys[-1]]
    else:
        node[keys[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", "other/1", "schema is 'other/1'"),
        ("schema", ..., "schema is None"),
        ("size", [0, 5], "size"),
        ("size", ..., "size is missing"),
        ("video", ..., "exactly one"),
        ("results", {}, "results is"),
        ("results.0.text", ..., r"results\[0\]\.text is missing"),
        ("results.0.text", 5, r"results\[0\]\.text is 5"),
        ("results.0", "x", r"results\[0\] must be an object"),
        ("results.0.confidence", 2, r"results\[0\]: caption: confidence"),
        ("results.0.confidence", True, r"results\[0\]\.confidence is True"),
        ("results.0.confidence", math.nan, "confidence"),
        ("results.0.region.rle", ..., r"results\[0\]\.region\.rle is missing"),
        ("results.0.region.rle.counts", "zzz", r"results\[0\]\.region\.rle"),
        ("results.2.evidence.0.t", [2, 1], "ends before"),
        ("results.2.evidence.0.t", [2], r"results\[2\]\.evidence\[0\]\.t"),
        ("results.2.evidence.0.t", ["a", "b"], r"results\[2\]\.evidence\[0\]\.t"),
        ("results.2.evidence.0.track.0.t", ..., "t is missing"),
        ("results.2.evidence.0.track.0.region", None, "region is missing"),
        ("results.2.evidence.0.track.0.t", math.nan, "finite"),
        ("results.3.inspected", [], "inspected"),
        ("seed", "seven", "seed is 'seven'"),
    ],
)
def test_bad_documents_name_the_field(path: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load_document(changed(path, value))
    assert str(error.value).startswith("document") and "\n" not in str(error.value)


def test_bad_document_files(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\xfa")
    for name in ("missing.json", "text.json", "list.json", "bytes.json", "."):
        with pytest.raises(InputError) as error:
            load_document(tmp_path / name)
        assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
