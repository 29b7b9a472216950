"""Bytes for endpoints: the same JSON as from dictionaries, frames made ready once, memory bounded."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lucida.bench.frames import Shown
from lucida.bench.models.wire import Wire, body
from lucida.bench.prepare import Prepared
from lucida.bench.records import Request

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)


def prepared(files: list[Path], times: tuple[float, ...], prompt: str, system: str = "") -> Prepared:
    shown = (Shown(kind="video" if times else "image", files=tuple(files), times=times),) if files else ()
    request = Request(id="q", item="q", cluster="q", prompt=prompt, system=system)
    return Prepared(request=request, prompt=prompt, shown=shown, data=Path())


def test_the_chat_is_what_a_client_would_send(tmp_path: Path) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_bytes(file.name.encode() * 9)
    urls = ["data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode() for file in files]
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    asked = prepared(files, (0.5, 12.25), 'say "red"\n', system="be brief")
    stamps = [{"type": "text", "text": f"<{t} seconds>"} for t in ("0.50", "12.25")]
    words = {"type": "text", "text": 'say "red"\n'}
    content = [stamps[0], pictures[0], stamps[1], pictures[1], words]
    system = {"role": "system", "content": "be brief"}
    assert json.loads(Wire().chat(asked)) == [system, {"role": "user", "content": content}]
    plain = json.loads(Wire(stamps=False).chat(asked))
    assert plain[1]["content"] == [*pictures, words]


@given(ANY, ANY)
def test_any_text_survives(prompt: str, system: str) -> None:
    chat = Wire().chat(prepared([], (), prompt, system))
    sent = json.loads(body(chat, {"model": "m", "seed": 0}))
    assert sent["model"] == "m" and sent["seed"] == 0 and sent["messages"][-1]["content"][-1]["text"] == prompt
    assert [line["content"] for line in sent["messages"][:-1]] == ([system] if system else [])
    assert sent == json.loads(body(sent["messages"], {"model": "m", "seed": 0}))


def test_frames_are_read_once_and_what_is_kept_is_bounded(tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.jpg" for n in range(9)]
    for file in files:
        file.write_bytes(file.name.encode() * 300)
    room = 5 * len(Wire().picture(files[0]))
    wire = Wire(room=room)
    parts = {file: wire.picture(file) for file in files}
    for file in files:
        file.unlink()
    assert [wire.picture(file) for file in files[4:]] == [parts[file] for file in files[4:]]
    assert wire._held == sum(map(len, wire._ready.values())) <= room
