"""Every way a verb can end, as an exit code and a line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings

import pytest

from lucida.cli.run import guarded
from lucida.media.errors import InputError

Captured = pytest.CaptureFixture[str]


def raiser(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (1, 1), (True, 0), ("text", 0)])
def test_return_values(value: object, code: int) -> None:
    assert guarded(lambda: value) == code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            InputError("photo.jpg: not a picture\n(really)"),
            2,
            "lucida: error: photo.jpg: not a picture (really)",
        ),
        (KeyboardInterrupt(), 130, "lucida: interrupted"),
        (PermissionError(13, "Permission denied", "out.png"), 2, "lucida: error: out.png: Permission denied"),
        (OSError(28, "No space left on device"), 2, "lucida: error: No space left on device"),
        (ModuleNotFoundError("No module", name="accelerate.utils"), 2, "pip install 'camera-lucida[train]'"),
        (ModuleNotFoundError("No module named 'lucida.x'", name="lucida.x"), 1, "lucida: internal error: "),
        (ValueError("odd"), 1, "lucida: internal error: ValueError: odd (this is a bug; set LUCIDA_DEBUG=1"),
        (AssertionError(), 1, "lucida: internal error: AssertionError (this is a bug"),
    ],
)
def test_errors_become_one_line(error: BaseException, code: int, line: str, capsys: Captured) -> None:
    assert guarded(lambda: raiser(error)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1


def test_a_missing_extra_inside_a_lazily_imported_verb(capsys: Captured) -> None:
    def verb() -> None:
        try:
            raiser(ModuleNotFoundError("No module named 'resvg_py'", name="resvg_py"))
        except ImportError as error:
            raise ImportError("Cannot import module") from error

    assert guarded(verb) == 2
    assert "camera-lucida[world]" in capsys.readouterr().err


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("LUCIDA_DEBUG", "1")
    assert guarded(lambda: raiser(ValueError("odd"))) == 1
    assert "Traceback" in capsys.readouterr().err


def test_warnings_are_one_line(capsys: Captured) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert guarded(lambda: warnings.warn("`seed` is\n ignored here", stacklevel=1)) == 0
    assert capsys.readouterr().err == "lucida: warning: `seed` is ignored here\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    script = (
        "import sys; from lucida.cli.run import guarded\n"
        "def verb():\n"
        "    for _ in range(100_000): print('a line that nobody reads')\n"
        "sys.exit(guarded(verb))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (141, b"")


@pytest.mark.parametrize(
    ("sign", "code", "line"),
    [(signal.SIGTERM, 143, "lucida: terminated\n"), (signal.SIGINT, 130, "lucida: interrupted\n")],
)
def test_a_signal_unwinds_and_leaves_nothing_half_written(
    sign: signal.Signals, code: int, line: str, tmp_path: os.PathLike[str]
) -> None:
    script = (
        "import sys, time; from lucida.cli.run import guarded; from lucida.media.files import atomic_path\n"
        "def verb():\n"
        f"    with atomic_path({os.fspath(tmp_path)!r} + '/out.bin') as path:\n"
        "        path.write_bytes(b'half'); print('writing', flush=True); time.sleep(60)\n"
        "sys.exit(guarded(verb))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    assert os.listdir(tmp_path) != []
    time.sleep(0.05)
    process.send_signal(sign)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (code, line)
    assert os.listdir(tmp_path) == []
