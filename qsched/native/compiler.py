"""How functions of this package are compiled, and what the compiled code is cached by.

Only entry points are cached on disk: an entry point's code holds that of everything it calls.
Numba would take a cached entry point for valid as long as its own file is unchanged, so the cache
key also contains a digest of all sources of the package.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import njit, typeof

__all__ = ["CHECKED", "FINGERPRINT", "compile_once", "compiled", "entry", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])

CHECKED = os.environ.get("QSCHED_NATIVE_CHECKED", "0") != "0"
"""Debug mode: every access to an array is checked, vectors included; several times slower."""

# Compiled code allocates nothing, so it need not count references either.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": CHECKED,
    "_nrt": False,
}


def _fingerprint() -> str:
    digest = hashlib.sha256(str(CHECKED).encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


FINGERPRINT = _fingerprint()


def compiled(function: F) -> F:
    """Compile a function on first use, as a part of the entry point that calls it.

    Divisions by zero follow IEEE 754; no other floating-point rule is relaxed. It cannot be called
    from Python: code for that would take half of the time to compile.
    """
    return njit(**OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)  # type: ignore[no-any-return]


def inlined(function: F) -> F:
    """Make a function a part of its caller before that is compiled: for those called once.

    Otherwise LLVM would optimize its code, and that of all it calls, once more on each level.
    """
    return njit(**OPTIONS, inline="always")(function)  # type: ignore[no-any-return]


def entry(make: Callable[[str], F]) -> F:
    """Compile the function that ``make`` returns, without the GIL and cached on disk.

    Args:
        make: receives the fingerprint of the package; the function it returns must refer to it,
            which puts it into the key of the cache.
    """
    return njit(**OPTIONS, no_cfunc_wrapper=True, cache=True)(make(FINGERPRINT))  # type: ignore[no-any-return]


def compile_once(function: Any, args: tuple[Any, ...]) -> None:
    """Compile an entry point for some arguments, or load it from the cache.

    Of several processes that ask at the same time one compiles, and the others find its result.

    Args:
        function: an entry point.
        args: arguments of the types that are needed.
    """
    name = f"qsched-native-{os.getuid()}-{FINGERPRINT[:16]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        function.compile(tuple(typeof(arg) for arg in args))
