"""Plugin files: a user's own data sets and networks, registered by running a Python file."""

from __future__ import annotations

import hashlib
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from qsched.errors import InputError

__all__ = ["Plugin", "load_plugin", "loaded_plugins"]

_LOADED: dict[str, str] = {}


@dataclass(frozen=True)
class Plugin:
    """A plugin file by its content, which can travel to other machines.

    Attributes:
        path: where it was read; names it in messages.
        content: its bytes.
    """

    path: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> Plugin:
        """Read a plugin file, without running it.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return cls(str(path), path.read_bytes())
        except OSError as error:
            raise InputError(
                f"a plugin must be a readable Python file, but {path} is not "
                f"({error.strerror}); mend the path"
            ) from error

    def load(self) -> str:
        """Run it, once for its content, and return its SHA-256; see :func:`load_plugin`."""
        sha256 = hashlib.sha256(self.content).hexdigest()
        name = f"qsched_plugin_{sha256[:16]}"
        if name not in sys.modules:
            _run(self.path, name, self.content)
        _LOADED[Path(self.path).name] = sha256
        return sha256


def loaded_plugins() -> dict[str, str]:
    """Return the SHA-256 of every plugin file that this process has loaded, by file name."""
    return dict(_LOADED)


def load_plugin(path: Path) -> str:
    """Run a plugin file, once for its content, and return its SHA-256 in hexadecimal.

    The file becomes the module ``qsched_plugin_`` and the first 16 digits of the hash, so that
    every process that loads it knows its functions by the same name. Typically it calls
    ``qsched.registry.DATASETS.add(...)`` and ``NETWORKS.add(...)``.

    Args:
        path: a Python file. It is code, and may do anything: load only what you trust.

    Raises:
        InputError: the file cannot be read, or it raises; the message names the line.
    """
    return Plugin.read(path).load()


def _run(path: str, name: str, content: bytes) -> None:
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        # Compiled here, not by the import system, which would write __pycache__ beside the file.
        exec(compile(content, path, "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        line = _line(error, path)
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(
            f"the plugin {path} must run without errors, but {line} raises "
            f"{type(error).__name__}: {what}; mend it there"
        ) from error


def _line(error: BaseException, file: str) -> str:
    """Return the innermost line of ``file`` at which ``error`` arose."""
    if isinstance(error, SyntaxError) and error.filename == file and error.lineno:
        return f"line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f"line {lines[-1]}" if lines else "reading it"
