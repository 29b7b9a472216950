"""The environment's words: defaults, values, and a clear line for a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lucida.media import settings
from lucida.media.errors import InputError


@pytest.mark.parametrize(
    ("value", "expected"), [("", False), ("0", False), ("no", False), ("1", True), ("TRUE", True)]
)
def test_offline(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCIDA_OFFLINE", value)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert settings.offline() is expected


def test_a_wrong_switch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCIDA_OFFLINE", "maybe")
    with pytest.raises(InputError, match="LUCIDA_OFFLINE=maybe"):
        settings.offline()


def test_home_and_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.home() == home
    assert settings.cache_dir() == home / "cache"
    monkeypatch.delenv("LUCIDA_HOME")
    assert settings.home().is_absolute()
    assert settings.cache_dir() != settings.home()


def test_home_must_not_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LUCIDA_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="not a folder"):
        settings.home()


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCIDA_DEVICE", "cpu")
    assert settings.device() == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("LUCIDA_DEVICE", "")
    assert settings.device() == "cpu"
    for value in ("cuda", "cuda:3"):
        monkeypatch.setenv("LUCIDA_DEVICE", value)
        with pytest.raises(InputError, match=f"LUCIDA_DEVICE={value}"):
            settings.device()


@pytest.mark.parametrize("value", ["gpu", "cuda:", "cuda:x", "cpu:0"])
def test_a_wrong_device_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCIDA_DEVICE", value)
    with pytest.raises(InputError, match="want auto"):
        settings.device()


def test_shipped_folders_are_those_of_the_checkout() -> None:
    root = settings.checkout()
    assert root is not None
    assert settings.shipped("weights") == root / "weights"
    assert settings.shipped("no-such-folder") is None
