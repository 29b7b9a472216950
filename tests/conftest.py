"""What every test shares: shapes checked as they are written, reproducible hypothesis, no network, one thread.

``LUCIDA_SHAPES=0`` switches the shape checks off, to see whether they are what is slow.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# No test may reach out, and none may depend on what the person who runs it has set.
os.environ.update(LUCIDA_OFFLINE="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
for variable in ("LUCIDA_HOME", "LUCIDA_DEVICE", "LUCIDA_DEBUG", "LUCIDA_CLAIM_OUT"):
    os.environ.pop(variable, None)
# Each worker of pytest-xdist has a core; more threads would fight over it. Commands that tests start inherit this.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# A shell that starts its jobs in the background has them ignore Ctrl-C; tests of Ctrl-C must not inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHAPED = ["lucida.nn", "lucida.canvas", "lucida.models", "lucida.flow"]
if os.environ.get("LUCIDA_SHAPES", "1") != "0":
    # Before anything imports these rooms: jaxtyping rewrites them on import so that beartype checks every call.
    from jaxtyping import install_import_hook

    import tests.typecheck  # noqa: F401  (the hook names it, and wants it imported)

    install_import_hook(SHAPED, "tests.typecheck.checked")

settings.register_profile(
    "lucida",
    deadline=None,  # a shared machine is slow at random
    derandomize=True,  # the same examples on every run
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("lucida")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``LUCIDA_HOME``."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("LUCIDA_HOME", str(folder))
    return folder
