"""The README's two commands on fresh clones, in an empty environment, timed.

    python benchmarks/fresh_clone.py

The environment has a PATH, an empty home and, where they are set, the variables that say how this machine reaches its
package index; nothing else. The clone is of the last commit: changes that are not committed are not measured.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lucida.train.claims import OUT, report

ROOT = Path(__file__).resolve().parents[1]
CLONES = {  # one clone for each command; what is timed, and its make target
    "demo": {"install": ".venv/.core", "demo": "demo", "demo_again": "demo"},
    "test": {"test_from_nothing": "test"},
}
NETWORK = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|(https?|no|all)_proxy", re.IGNORECASE)


def environment(home: Path) -> dict[str, str]:
    """PATH, an empty home, and the way to the package index."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
    return {**kept, "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "CI": "true"}


def timed(target: str, clone: Path, env: dict[str, str]) -> tuple[float, bool]:
    """Wall clock of ``make target``, and whether it succeeded."""
    start = time.perf_counter()
    code = subprocess.run(
        ["make", target], cwd=clone, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr
    ).returncode
    return time.perf_counter() - start, code == 0


def main() -> int:
    """Measure and report; 1 when a command failed (0 under the claims runner, which reads the report)."""
    numbers: dict[str, float] = {}
    passed: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="lucida-clone-") as folder:
        for name, steps in CLONES.items():
            clone, env = Path(folder) / name, environment(Path(folder) / f"home-{name}")
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            for label, target in steps.items():
                numbers[f"{label}_seconds"], passed[f"{label}_succeeds"] = timed(target, clone, env)
        passed["demo_makes_a_page"] = any((Path(folder) / "demo" / "runs").rglob("*.html"))
    print(json.dumps(report(numbers, passed), indent=2))
    return 0 if OUT in os.environ or all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
