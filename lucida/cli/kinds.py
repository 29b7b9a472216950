"""Whether a model is what a verb needs, said before any work."""

from __future__ import annotations

from lucida.media.errors import InputError


def check_kind(model: str, system: str, what: str) -> None:
    """Refuse a model that does not run ``system`` (``what`` calls such a model, "a describer").

    Raises:
        InputError: there is no such model, or it runs another system, or is a part of one.
    """
    from lucida.models.store import read_config, resolve_weights

    if (found := read_config(resolve_weights(model)).get("system")) != system:
        raise InputError(f"model {model}: {f'runs the system {found!r}' if found else 'a part'}, not {what}")
