"""The one exception that is the user's to fix."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input from a user: one clear line that names the file or field and its value.

    The command line prints the message and exits with code 2. Anything that is our own fault is an
    ``AssertionError`` or an ordinary exception instead, so that a bug is never dressed up as bad input.
    """
