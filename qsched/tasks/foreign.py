"""Functions that are not of qsched: what they raise, in a line that names theirs."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qsched.errors import InputError, QschedError

__all__ = ["foreign"]

_PACKAGE = str(Path(__file__).parent.parent)
_LIBRARIES = (*{sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}, "<")


@contextmanager
def foreign(what: str, module: str) -> Iterator[None]:
    """Turn what a function of somebody else raises into a reason of one line.

    Args:
        what: the function, in words.
        module: its module; the bundled ones of qsched are let alone, but for want of memory.

    Raises:
        InputError: it raises anything that is no error of qsched's.
    """
    try:
        yield
    except QschedError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{what} needs more memory than there is ({error}); ask for fewer examples or a "
            "smaller network"
        ) from error
    except (Exception, SystemExit) as error:
        if module.startswith("qsched."):
            raise
        text = " ".join(str(error).split())
        raise InputError(
            f"{what} must run without errors, but {_line(error)} raises "
            f"{type(error).__name__}: {text}; mend it there"
        ) from error


def _line(error: BaseException) -> str:
    """Return the innermost line that is neither of qsched nor of a library, if there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    own = [frame for frame in foreign if not frame.filename.startswith(_LIBRARIES)]
    for frame in reversed(own or foreign):
        return f"line {frame.lineno} of {frame.filename}"
    return "calling it"
