"""The house rules of DESIGN sections 2 and 9, read off the source: no rule that a person has to remember."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lucida.models.store import size_problems

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "cli serve bench systems watch train models canvas flow nn world metrics media".split()
)  # top to bottom
SOURCES = sorted((ROOT / "lucida").rglob("*.py"))
LIMIT = 400


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str | None:
    parts = path.relative_to(ROOT / "lucida").parts
    return parts[0] if len(parts) > 1 else None  # lucida/__init__.py and __main__.py stand above all rooms


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """Every ``(line, room)`` a file imports, also inside functions and under TYPE_CHECKING."""
    package = ["lucida", *path.relative_to(ROOT / "lucida").parts[:-1]]
    for node in ast.walk(tree(path)):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            modules = [f"{start}.{alias.name}" for alias in node.names]
        for module in modules:
            parts = module.split(".")
            if parts[0] == "lucida" and len(parts) > 1 and parts[1] in ROOMS:
                yield node.lineno, parts[1]


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in (ROOT / "lucida").iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= set(ROOMS), f"not in the list of rooms: {sorted(folders - set(ROOMS))}"


def test_imports_run_downward() -> None:
    wrong = [
        f"{name(path)}:{line} ({room(path)}) imports {target}"
        for path in SOURCES
        if (own := room(path)) is not None
        for line, target in imported_rooms(path)
        if ROOMS.index(target) < ROOMS.index(own)
    ]
    assert not wrong, "\n".join(wrong)


def test_files_are_short() -> None:
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    long = [
        f"{name(path)}: {count}" for path in files if (count := len(path.read_text().splitlines())) > LIMIT
    ]
    assert not long, "\n".join(long)


def test_the_library_does_not_print() -> None:
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in SOURCES
        if room(path) != "cli"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, "\n".join(wrong)


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and the public members of those classes (not of protocols)."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield node
            if isinstance(node, ast.ClassDef) and "Protocol" not in map(ast.unparse, node.bases):
                yield from public(node.body)


def untyped(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [extra for extra in (given.vararg, given.kwarg) if extra is not None]
    missing = [one.arg for one in arguments if one.annotation is None and one.arg not in ("self", "cls")]
    return missing + ([] if function.returns is not None else ["return"])


def overloaded(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    names = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return bool(names & {"overload", "setter", "override"})


def test_public_names_are_typed() -> None:
    wrong = [
        f"{name(path)}:{node.lineno} {node.name}({', '.join(missing)})"
        for path in SOURCES
        for node in public(tree(path).body)
        if not isinstance(node, ast.ClassDef) and (missing := untyped(node))
    ]
    assert not wrong, "\n".join(wrong)


def test_public_names_have_docstrings() -> None:
    """``forward`` may leave it to its class; a module that is not empty says what it is for."""
    wrong = [name(path) for path in SOURCES if (t := tree(path)).body and ast.get_docstring(t) is None]
    wrong += [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in public(tree(path).body)
        if ast.get_docstring(node) is None and node.name != "forward" and not overloaded(node)
    ]
    assert not wrong, "\n".join(wrong)


def test_annotations_are_postponed() -> None:
    def late(node: ast.stmt) -> bool:
        return isinstance(node, ast.ImportFrom) and node.module == "__future__"

    wrong = [
        name(path)
        for path in SOURCES
        if len(body := tree(path).body) > 1 and not any(late(node) for node in body[:2])
    ]
    assert not wrong, "\n".join(wrong)


def test_no_machine_paths() -> None:
    """Paths of the machine that something was made on, and hosts of registries, stay out of the repository."""
    words = [
        "/".join(["", *parts]) for parts in (("work", "main"), ("work", "shared"), ("tmp", "v"), ("root", ""))
    ]
    words += ["/".join(["", "opt", "wheels"]), "/".join(["", "opt", "pypi"]), ".".join(["pypi", "org"])]
    kinds = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ".html", ".svg", ".txt", ".tsv", ".cfg"}
    rooms = "lucida tests benchmarks docs recipes examples weights".split()
    files = [path for folder in rooms for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    files += [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    wrong = [
        f"{name(path)}: {word}"
        for path in files
        if path.stat().st_size < 4_000_000
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        for word in words
        if word in text
    ]
    assert not wrong, "\n".join(wrong)


def test_shipped_models_are_small() -> None:
    problems = size_problems(ROOT / "weights")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("code", ["import lucida", "from lucida.cli.main import main; main(['--help'])"])
def test_light_things_stay_light(code: str) -> None:
    """What is imported, not how long it takes: the time is a measurement, in ``benchmarks/startup.py``."""
    heavy = "torch", "numpy", "av", "PIL", "pycocotools", "tokenizers", "yaml"
    script = f"import sys\n{code}\nsys.stderr.write(' '.join(set(sys.modules) & set({heavy!r})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stderr == ""
