"""From plain YAML or JSON values to frozen config dataclasses, refusing by name what does not fit."""

from __future__ import annotations

import dataclasses
import math
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lucida.media.errors import InputError


def build(cls: type, values: Any, where: str) -> Any:
    """A config dataclass from plain values; lists become tuples where the field is one.

    Args:
        where: what to call the mapping in messages, for example "recipe.yaml: run".

    Raises:
        InputError: an unknown or missing setting, a value of the wrong type, or one the class itself refuses.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where}: want a mapping, got {values!r}")
    known = {f.name: f for f in dataclasses.fields(cls) if f.init}
    for key in values:
        if key not in known:
            raise InputError(f"{where}: no setting {key!r}; there are {', '.join(known)}")
    for name, f in known.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise InputError(f"{where}: needs the setting {name}")
    hints = get_type_hints(cls)
    made = {key: _fitted(hints[key], value, f"{where}.{key}") for key, value in values.items()}
    try:
        return cls(**made)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _fitted(kind: Any, value: Any, where: str) -> Any:
    """``value`` as a ``kind``."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return value if isinstance(value, kind) else build(kind, value, where)
    if origin is Literal:
        if value not in inner:
            raise InputError(f"{where}: want one of {', '.join(map(str, inner))}, got {value!r}")
        return value
    if origin in (Union, types.UnionType):
        return _one_of(inner, value, where)
    if origin is tuple or kind is tuple:
        return _tuple(inner, value, where)
    if origin is dict or kind is dict:
        if not isinstance(value, dict):
            raise InputError(f"{where}: want a mapping, got {value!r}")
        return {key: _fitted(inner[1], item, f"{where}.{key}") if inner else item for key, item in value.items()}
    if kind is float:
        return _number(value, where)
    # A bool is an int to Python, and hardly ever what was meant.
    if isinstance(kind, type) and (not isinstance(value, kind) or (isinstance(value, bool) and kind is int)):
        names = {int: "a whole number", str: "text (quote it if need be)", bool: "true or false"}
        raise InputError(f"{where}: want {names.get(kind, kind.__name__)}, got {value!r}")
    return value


def _one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    last: InputError | None = None
    for kind in kinds:
        if kind is not type(None):
            try:
                return _fitted(kind, value, where)
            except InputError as error:
                last = error
    assert last is not None
    raise last


def _tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: want a list, got {value!r}")
    if not inner:
        return tuple(value)
    kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else list(inner)
    if len(kinds) != len(value):
        raise InputError(f"{where}: want a list of {len(kinds)}, got {value!r}")
    return tuple(_fitted(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))


def _number(value: Any, where: str) -> float:
    """A float; also from text, because YAML reads 1e-3 (without a point) as a word."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise InputError(f"{where}: want a number, got {value!r}")
