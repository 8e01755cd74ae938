"""Names and paths of YAML files: bundled ones by bare name, others by path."""

from __future__ import annotations

import pathlib

from qsched.errors import InputError, UnknownNameError

__all__ = ["bundled", "bundled_names", "resolve"]

_PACKAGE = pathlib.Path(__file__).parent.parent


def bundled(kind: str) -> pathlib.Path:
    """Return the folder of bundled files of a kind: in the wheel, or beside the package.

    Args:
        kind: ``search_spaces``, ``search_spaces/handcoded`` or ``studies``.
    """
    inside = _PACKAGE / "_bundled" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def bundled_names(kind: str) -> tuple[str, ...]:
    """Return the names of all bundled files of a kind, sorted.

    >>> "ana" in bundled_names("search_spaces")
    True
    """
    beside = _BESIDE.get(kind, ())
    files = bundled(kind).glob("*.yaml")
    return tuple(sorted(path.stem for path in files if path.stem not in beside))


_BESIDE = {"studies": ("claims", "heuristics")}
"""What lies beside the studies: what was learned from them, and what is claimed of it."""


def resolve(kind: str, name: str | pathlib.Path) -> pathlib.Path:
    """Return the path that a name stands for.

    A bare name is a bundled file; anything with a ``/`` or a suffix is a path as it stands.

    Raises:
        UnknownNameError: no bundled file has this name.
        InputError: there is no such file.
    """
    if isinstance(name, str) and "/" not in name and not pathlib.PurePath(name).suffix:
        names = bundled_names(kind)
        if name not in (*names, *_BESIDE.get(kind, ())):
            raise UnknownNameError(_SINGULAR.get(kind, kind), name, names)
        return bundled(kind) / f"{name}.yaml"
    path = pathlib.Path(name)
    if not path.is_file():
        raise InputError(f"no file `{path}`; give a path, or the bare name of a bundled file")
    return path


_SINGULAR = {
    "search_spaces": "search space",
    "search_spaces/handcoded": "hand-coded schedule",
    "studies": "study",
}
