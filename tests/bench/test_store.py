"""The run folder: torn lines, two writers, strange texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.bench.predictions import read_predictions
from lucida.bench.records import Reply, reply_from_json, to_json
from lucida.bench.store import RunStore
from lucida.media.errors import InputError

CONFIG = {"protocol": "toy", "model": "m"}
REPLY = Reply(id="a/1", raw="red", seconds=0.5, tokens=2, frame_times=(0.0, 1.5), frame_size=(4, 6), model="m")


def test_a_line_cut_at_any_byte_is_set_aside_and_the_rest_stands(tmp_path: Path) -> None:
    with RunStore(tmp_path / "run", CONFIG) as store:
        store.append([("k1", REPLY)])
        store.append([("k2", Reply(id="b", raw="blue"))])
    log = tmp_path / "run" / "replies.jsonl"
    whole = log.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        log.write_bytes(whole[:cut])
        with RunStore(tmp_path / "run", CONFIG) as store:
            assert store.replies == {"k1": REPLY} and not store.problems
            store.append([("k2", Reply(id="b", raw="blue"))])
        assert log.read_bytes() == whole


def test_a_second_process_and_a_broken_middle(tmp_path: Path) -> None:
    with RunStore(tmp_path, CONFIG) as store:
        store.append([("k1", REPLY)])
        with pytest.raises(InputError, match="another process"):
            RunStore(tmp_path, CONFIG)
    with (tmp_path / "replies.jsonl").open("a") as log:
        log.write('garbage\n{"id": 3}\n')
    with RunStore(tmp_path, CONFIG) as store:
        assert store.replies == {"k1": REPLY} and len(store.problems) == 2


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    import json

    reply = Reply(id="x", raw=text, cost={"passes": 4.0})
    line = json.dumps(to_json(reply))
    assert "\n" not in line and line.isascii()
    assert reply_from_json(json.loads(line)) == reply


def test_prediction_files_name_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    good, again = '{"id": 1, "prediction": "a"}', '{"id": "1", "raw": "b"}'
    path.write_text("\n".join([good, "", again, "[1]", '{"raw": "c"}', '{"id": "2"}', '{"id": "3", "raw": 7}', "x"]))
    replies, problems = read_predictions(path)
    assert {name: reply.raw for name, reply in replies.items()} == {"1": "a"}
    assert len(problems) == 6 and all(line.startswith("p.jsonl line ") for line in problems)
    with pytest.raises(InputError, match=r"[Nn]o such file"):
        read_predictions(tmp_path / "none.json")
