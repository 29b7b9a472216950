"""Where models live: NAME → folder ``{model.safetensors, config.json, card.md}``, written whole, checked.

``config.json`` may name the ``system`` that runs the model (see :mod:`lucida.systems.registry`); a model
without one is a part, such as the vision tower. Its ``weights_sha256`` is written here and checked on load,
so that a folder whose files do not belong together is refused instead of half working.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.media import settings
from lucida.media.errors import InputError

if TYPE_CHECKING:
    import torch

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "card.md"
MAX_EACH, MAX_TOTAL = 25_000_000, 120_000_000  # bytes: what a clone or a wheel may carry


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """What a model folder holds: tensors by name (on the processor), the config, the card (markdown)."""

    folder: Path
    tensors: dict[str, torch.Tensor]
    config: dict[str, Any]
    card: str


def is_model(folder: Path) -> bool:
    """Whether ``folder`` holds a model (weights and config)."""
    return (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()


def places() -> list[tuple[str, Path]]:
    """The folders that may hold ``NAME/``, first match wins: ``(label, folder)``."""
    found = [("home", settings.home() / "weights")]
    if (folder := settings.shipped("weights")) is not None:
        found.append(("shipped", folder))
    return found


def known() -> Iterator[tuple[str, str, Path]]:
    """Every model that a plain name finds: ``(name, place label, folder)``, once per name."""
    seen = set()
    for label, place in places():
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            if folder.name not in seen and not folder.name.startswith(".") and is_model(folder):
                seen.add(folder.name)
                yield folder.name, label, folder


def resolve_weights(name: str | os.PathLike[str]) -> Path:
    """The folder of ``name``: path → ``$LUCIDA_HOME/weights`` → package data → checkout → hub id.

    Raises:
        InputError: nothing by that name; the message lists the names there are.
    """
    text = os.fspath(name)
    if not text.strip():
        raise InputError("model name is empty")
    path = Path(text).expanduser()
    if is_model(path):
        return path.absolute()
    if path.is_absolute() or path.is_file() or text.startswith((".", "~")) or text.endswith("/"):
        missing = f"want a folder with {WEIGHTS} and {CONFIG}" if path.exists() else "no such folder"
        raise InputError(f"model {text}: {missing}")
    if "/" not in text:
        for _, place in places():
            if is_model(place / text):
                return place / text
        names = ", ".join(name for name, _, _ in known()) or "none installed"
        raise InputError(f"no model named {text!r} (there are: {names})")
    if text.count("/") > 1:
        raise InputError(f"model {text}: no such folder, and a hub id has one slash")
    return _from_hub(text)


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        message = f"model {name}: no such folder; as a hub id it needs: pip install 'camera-lucida[hf]'"
        raise InputError(message) from error
    wanted = ["*.safetensors", "*.json", "*.md", "*.txt"]
    try:
        folder = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=settings.offline()))
    except Exception as error:  # the hub client's errors have no common base that its versions agree on
        why = "not in the local cache and LUCIDA_OFFLINE is set" if settings.offline() else _first_line(error)
        raise InputError(f"model {name}: no such folder, and not from the hub: {why}") from error
    if not is_model(folder):
        raise InputError(f"model {name}: the hub repository has no {WEIGHTS} and {CONFIG}")
    return folder


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def read_config(folder: Path) -> dict[str, Any]:
    """The config of the model in ``folder``.

    Raises:
        InputError: missing, not JSON, or not an object.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {_first_line(error)}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: want an object, got {type(config).__name__}")
    return config


def read_card(folder: Path) -> str:
    """The card of the model in ``folder``; empty when it has none."""
    path = folder / CARD
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def one_line(card: str) -> str:
    """The first plain sentence line of a card: what the model does."""
    for line in card.splitlines():
        if line.strip() and not line.lstrip().startswith(("#", "<", "!", "-", "|", ">")):
            return line.strip()
    return ""


def load_model_files(folder: str | os.PathLike[str]) -> ModelFiles:
    """Read a model folder whole, and check that its files belong together.

    Raises:
        InputError: a file is missing, cut short, or not the one the config was saved with.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    config, path = read_config(folder), folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    expected = config.get("weights_sha256")
    if expected is not None and (found := _sha256(path)) != expected:
        raise InputError(
            f"{path}: sha256 is {found[:12]}…, but {CONFIG} was saved with {str(expected)[:12]}…"
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file: {_first_line(error)}") from error
    return ModelFiles(folder=folder, tensors=tensors, config=config, card=read_card(folder))


def save_model(
    folder: str | os.PathLike[str],
    tensors: Mapping[str, torch.Tensor],
    config: Mapping[str, Any],
    card: str,
    *,
    extra: Mapping[str, bytes | str] | None = None,
) -> Path:
    """Write a model folder whole or not at all; a model that was there before is replaced.

    The new folder is made beside the old one and takes its name at the end, so a reader or a crash never
    meets a mixture.

    Args:
        tensors: by name; moved to the processor, made contiguous, shared storage written once per name.
        config: must survive JSON (no NaN); ``weights_sha256`` is added.
        card: markdown; its first plain line says what the model does (``lucida list`` shows it).
        extra: further small files by name, such as a vocabulary.

    Raises:
        InputError: the folder cannot be written, or it exists and is not a model.
    """
    from safetensors.torch import save_file

    folder = Path(folder).absolute()
    if folder.exists() and not is_model(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: exists and is not a model; not replaced")
    new = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        new.mkdir(parents=True)
        plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        save_file(plain, new / WEIGHTS)
        (new / WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner only
        written = {**config, "weights_sha256": _sha256(new / WEIGHTS)}
        files = {CONFIG: json.dumps(written, indent=2, allow_nan=False) + "\n", CARD: card, **(extra or {})}
        for name, data in files.items():
            (new / name).write_bytes(data.encode() if isinstance(data, str) else data)
        _swap(new, folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _swap(new: Path, folder: Path) -> None:
    old = new.with_name(new.name + ".old")
    had = folder.exists()
    if had:
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if had:
            os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(folder: Path) -> int:
    """Bytes of all files of a model folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def size_problems(weights: Path, *, each: int = MAX_EACH, total: int = MAX_TOTAL) -> list[str]:
    """What breaks the promise that shipped models are small, a line each (limits in bytes)."""
    sizes = {folder.name: size(folder) for folder in sorted(weights.iterdir()) if folder.is_dir()}
    problems = [f"{name}: {count:,} bytes, over {each:,}" for name, count in sizes.items() if count > each]
    if sum(sizes.values()) > total:
        problems.append(f"all models: {sum(sizes.values()):,} bytes, over {total:,}")
    return problems
