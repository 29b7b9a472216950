"""The command line as a user meets it: help, slips of the finger, exit codes."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys

import pytest

import lucida
from lucida.cli import main as main_module
from lucida.cli.main import EPILOGUE, SYNONYMS, VERBS, build, main

Captured = pytest.CaptureFixture[str]


def refused(capsys: Captured, *tokens: str) -> str:
    """Run ``tokens``; check for exit code 2, an empty stdout and one line on stderr; return the line."""
    assert main(tokens) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lucida: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("tokens", [[], ["--help"], ["-h"]])
def test_help_names_every_verb(tokens: list[str], capsys: Captured) -> None:
    assert main(tokens) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for name, verb in VERBS.items():
        assert name in out
        assert verb.line in out
    assert "LUCIDA_HOME" in out


@pytest.mark.parametrize("tokens", [["--version"], ["version"]])
def test_version(tokens: list[str], capsys: Captured) -> None:
    assert main(tokens) == 0
    assert capsys.readouterr().out.strip() == lucida.__version__


@pytest.mark.parametrize("name", VERBS)
def test_verb_exists_and_explains_itself(name: str, capsys: Captured) -> None:
    """Each verb's own help: says what it does, and shows examples that begin with `lucida VERB`."""
    module, _, attribute = VERBS[name].target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    about = inspect.getdoc(target) if inspect.isfunction(target) else target.help
    assert about and VERBS[name].line[:-1] in " ".join(about.split()), (
        "its line in the table is its docstring's"
    )
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Examples:" in out
    assert f"lucida {name}" in out.partition("Examples:")[2]


@pytest.mark.parametrize("name", VERBS)
def test_verb_refuses_an_unknown_option(name: str, capsys: Captured) -> None:
    line = refused(capsys, name, "--no-such-option")
    assert f"lucida {name} --help" in line


@pytest.mark.parametrize(
    ("word", "hint"),
    [("descibe", "describe"), ("ls", "list"), ("claim", "claims"), ("--json", "--json"), ("x", "env")],
)
def test_unknown_verb_gets_a_hint(word: str, hint: str, capsys: Captured) -> None:
    assert hint in refused(capsys, word)


def test_synonyms_lead_to_verbs() -> None:
    assert set(SYNONYMS.values()) <= set(VERBS)
    assert not set(SYNONYMS) & set(VERBS)


@pytest.mark.parametrize("line", re.findall(r"^ +(lucida .*)$", EPILOGUE, flags=re.MULTILINE))
def test_examples_of_the_help_parse(line: str) -> None:
    _, verb, *rest = shlex.split(line)
    build(verb).parse_args([verb, *rest], exit_on_error=False, print_error=False)


def test_a_slip_in_a_subcommand(capsys: Captured) -> None:
    assert "render" in refused(capsys, "claims", "rendr")
    assert "--json" in refused(capsys, "list", "--jsn")


def test_no_verb_is_imported_for_the_help() -> None:
    script = (
        "import sys; from lucida.cli.main import main; main(['--help'])\n"
        "sys.stderr.write(' '.join(name for name in sys.modules if name.startswith('lucida.')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    allowed = ["cli", "cli.main", "cli.run", "media", "media.errors", "media.settings"]
    assert set(done.stderr.split()) == {f"lucida.{name}" for name in allowed}


def test_python_dash_m(capfd: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lucida", "nonsense"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lucida: error: unknown verb 'nonsense'")


def test_no_color_and_pipes_mean_plain_text() -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "lucida", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert "\x1b[" not in done.stdout


def test_list_json(capsys: Captured, home: object) -> None:
    assert main(["list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "lucida/1"
    assert "describe" in document["systems"]
    assert all(model["bytes"] > 0 for model in document["models"])


def test_env_reports_a_bad_setting_instead_of_failing(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCIDA_DEVICE", "toaster")
    assert main(["env", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "toaster" in document["device"]
    assert document["settings"]["LUCIDA_DEVICE"] == "toaster"
    assert document["packages"]["torch"]


def test_env_lines(capsys: Captured) -> None:
    assert main(["env"]) == 0
    out = capsys.readouterr().out
    for word in ("lucida:", "cores:", "cpu:", "dtype:", "device:", "models:"):
        assert word in out


def test_main_reads_the_process_arguments(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys, "argv", ["lucida", "version"])
    assert main_module.main() == 0
    assert capsys.readouterr().out.strip() == lucida.__version__
