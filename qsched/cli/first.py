"""What is said before the first training on a machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import typer

from qsched.cli.options import Engine

__all__ = ["tell_compilation"]


def tell_compilation(engine: Engine) -> None:
    """Say that native lanes will be compiled first, where they never were."""
    if engine is Engine.torch or find_spec("numba") is None or "NUMBA_CACHE_DIR" in os.environ:
        return
    package = find_spec("qsched.native")
    assert package is not None
    for folder in package.submodule_search_locations or ():
        # Numba's index of what is compiled of a file lies in its cache.
        if not any(Path(folder, "__pycache__").glob("engine.*.nbi")):
            typer.echo("compiling native lanes, once on this machine: half a minute", err=True)
