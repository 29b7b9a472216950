"""What the README says is run: its commands, its Python, its links."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lucida.cli.main import VERBS, build

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("#")[0].strip()
    for language, block in BLOCKS
    if language == "sh"
    for line in block.splitlines()
    if line.strip()
]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder that looks like the checkout from inside, where runs may be written."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def run(arguments: list[str], here: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=here, env=environment, capture_output=True, text=True, check=False, timeout=170
    )


def test_the_first_screen() -> None:
    """A picture, one sentence, the two commands."""
    title, picture, sentence, commands = re.split(r"\n\n+", README)[:4]
    assert title.startswith("# ") and picture.startswith("![")
    assert sentence.count(". ") == 0 and sentence.endswith(".")
    assert re.findall(r"^make \w+", commands, flags=re.MULTILINE) == ["make demo", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_exist(page: Path) -> None:
    """Every make target and every verb that a page's code names is there."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    code = "\n".join(
        re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        + re.findall(r"`([^`\n]+)`", text)
    )
    assert set(re.findall(r"^make ([a-z]+)", code, flags=re.MULTILINE)) <= set(targets)
    verbs = re.findall(r"^lucida ([a-z]+)", code, flags=re.MULTILINE)
    assert {verb for verb in verbs if not (ROOT / "recipes" / f"{verb}.yaml").is_file()} <= set(VERBS)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("lucida ")])
def test_commands_run(command: str, here: Path) -> None:
    words = shlex.split(command)
    build(words[1])
    done = run(["-m", *words], here)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("block", [block for language, block in BLOCKS if language == "python"])
def test_python_runs(block: str, here: Path) -> None:
    done = run(["-c", block], here)
    assert done.returncode == 0, done.stderr
