"""The entry point: commands in, exit codes and one-line reasons out.

Exit codes: 0 done, 1 a failure, 2 the input breaks a rule, 130 interrupted.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

from typer import Exit
from typer.exceptions import TyperException

from qsched.cli.app import app
from qsched.cli.interrupt import one_interrupt
from qsched.errors import QschedError

__all__ = ["main"]

INTERRUPTED = 130

_FIXES = {
    errno.ENOSPC: "free some space, or choose another disk with --out and --db",
    errno.EDQUOT: "free some space, or choose another disk with --out and --db",
    errno.EROFS: "choose a folder that you may write to",
    errno.EACCES: "choose a file or folder that you may use",
    errno.EPERM: "choose a file or folder that you may use",
    errno.ENOENT: "check the path",
    errno.EADDRINUSE: "choose another one with --port",
}


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line on ``args`` (by default those of the process); return its exit code.

    A user's mistake and a failing disk end in a reason on standard error, never in a traceback.
    """
    try:
        with one_interrupt():
            return int(app(args=args, prog_name="qsched", standalone_mode=False) or 0)
    except Exit as done:
        return done.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except TyperException as error:
        return _fail(_usage(error), error.exit_code)
    except QschedError as error:
        return _fail(str(error), error.exit_code)
    except OSError as error:
        return _fail(_reason(error), 1)
    except MemoryError as error:
        what = str(error) or "Python's own objects"
        return _fail(f"this needs more memory than there is ({what}); make the task smaller", 1)


def _fail(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


def _usage(error: TyperException) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return f"{message} Try: {context.command_path} --help" if context else message


def _reason(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    fix = _FIXES.get(error.errno or 0)
    return f"{where}{error.strerror or error}" + (f"; {fix}" if fix else "")
