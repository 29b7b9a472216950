"""``python -m lucida`` is the ``lucida`` command."""

from __future__ import annotations

import sys

from lucida.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
