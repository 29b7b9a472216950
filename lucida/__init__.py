"""Lucida: one multimodal diffusion system that sees and draws.

    >>> import lucida
    >>> model = lucida.load("describe")
    >>> scene = model.look("photo.jpg")

Importing this package is cheap: PyTorch is imported by :func:`load`, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lucida.media.errors import InputError as InputError

__version__ = "0.1.0"
__all__ = ["InputError", "__version__", "load"]


def load(name: str, *, device: str | None = None) -> Any:
    """The system called ``name``, ready to use.

    Args:
        name: a shipped or own model (``"describe"``), a folder, or a hub id with a slash. Looked up in this
            order: path, ``$LUCIDA_HOME/weights``, package data, checkout, hub.
        device: a PyTorch device; default ``LUCIDA_DEVICE``, else a GPU when there is one, else the processor.

    Raises:
        InputError: nothing by that name, or the files are damaged, or they are a part and not a system.
    """
    from lucida.systems.registry import load as load_system

    return load_system(name, device=device)


def __getattr__(name: str) -> Any:
    if name == "InputError":
        from lucida.media.errors import InputError

        return InputError
    raise AttributeError(f"module 'lucida' has no attribute {name!r}")
