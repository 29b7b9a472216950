"""Tests as a claim's evidence: how many properties of some test files were checked, and whether all held.

    python benchmarks/tests.py tests/canvas [tests/other.py ...]

Everything after the script goes to pytest. A skipped test counts as neither held nor broken, and is reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from lucida.train.claims import OUT, report


def main(arguments: list[str]) -> int:
    """Run pytest, report the counts and return its exit code (0 under the claims runner, which reads the report)."""
    # Tests of the claims runner must not write over the report of this run.
    environment = {name: value for name, value in os.environ.items() if name != OUT}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={out}", *arguments]
        code = subprocess.run(command, env=environment, check=False, stdout=sys.stderr).returncode
        if not out.is_file():
            return code or 1
        suites = list(ET.parse(out).getroot().iter("testsuite"))
    counts = {
        name: sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    }
    broken = counts["failures"] + counts["errors"]
    held = counts["tests"] - broken - counts["skipped"]
    numbers = {"held": held, "broken": broken, "skipped": counts["skipped"]}
    print(json.dumps(report(numbers, {"all_hold": code == 0 and held > 0 and not broken}), indent=2))
    return 0 if OUT in os.environ else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
