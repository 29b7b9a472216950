"""``lucida version``."""

from __future__ import annotations

from lucida import __version__


def version() -> None:
    """Print the version.

    Example:

        lucida version
    """
    print(__version__)
