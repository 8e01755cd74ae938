"""``python -m qsched.cli``: the command line, by the interpreter that runs already."""

from __future__ import annotations

import sys

from qsched.cli import main

__all__ = ()

if __name__ == "__main__":
    sys.exit(main())
