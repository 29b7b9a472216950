"""The type checker that pytest puts on ``lucida.nn``, ``canvas``, ``models`` and ``flow`` (see ``conftest.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a fine float


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with its arguments and result checked on every call; as it is where a hint cannot be checked.

    Protocols without ``runtime_checkable`` are such hints: they are pyright's to check.
    """
    try:
        return _beartype(function)
    except BeartypeDecorHintException:
        return function
