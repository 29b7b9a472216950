"""A wheel carries what `lucida demo` needs: built once, unpacked, and run from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")
ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def run(wheel: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=wheel.parent, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("folder", ["weights", "examples", "recipes"])
def test_data_is_packaged(wheel: Path, folder: str) -> None:
    """Every file of the checkout's folder, and no more."""

    def files(root: Path) -> set[str]:
        found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        return {path for path in found if "__pycache__" not in path and not Path(path).name.startswith(".")}

    assert files(wheel / "lucida" / "_data" / folder) == files(ROOT / folder)


def test_data_files_of_the_package_are_there(wheel: Path) -> None:
    def files(root: Path) -> set[str]:
        found = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
        return {path.as_posix() for path in found if not {"__pycache__", "_data"} & set(path.parts)}

    assert files(wheel / "lucida") == files(ROOT / "lucida")


def test_metadata(wheel: Path) -> None:
    [info] = wheel.glob("*.dist-info")
    assert "lucida = lucida.cli.main:main" in (info / "entry_points.txt").read_text()
    metadata = (info / "METADATA").read_text()
    core = [
        line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    assert len(core) == 11
    assert "torch<3,>=2.10" in metadata
    assert {path.name for path in (info / "licenses").iterdir()} == {"LICENSE", "NOTICE"}


def test_it_runs_without_a_checkout(wheel: Path) -> None:
    done = run(wheel, "-m", "lucida", "list")
    assert done.returncode == 0, done.stderr
    for folder in (ROOT / "weights").iterdir():
        assert not folder.is_dir() or folder.name in done.stdout
    code = "from lucida.media import settings as s; print(s.checkout(), s.shipped('weights'))"
    assert run(wheel, "-c", code).stdout.split() == ["None", str(wheel / "lucida" / "_data" / "weights")]


def test_claims_need_a_checkout(wheel: Path) -> None:
    done = run(wheel, "-m", "lucida", "claims", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "claims.yaml" in done.stderr
