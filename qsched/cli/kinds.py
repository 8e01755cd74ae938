"""The kinds of files that people write, and which kind a name or a file is."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from qsched.errors import InputError, UnknownNameError
from qsched.files import Document, bundled_names, resolve

__all__ = ["KINDS", "STUDY_NAME", "Kind", "bundled_files", "find", "is_path", "kind_of"]

STUDY_NAME = r"[a-z0-9][a-z0-9-]*"


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: in the singular, as in the ``format`` of its files: ``qsched/<name>/<version>``.
        plural: what ``qsched ls`` calls it.
        folder: where bundled ones lie.
        load: reads and checks one, given a name or a path.
    """

    name: str
    plural: str
    folder: str
    load: Callable[[str], BaseModel]


def _load_study(name: str) -> BaseModel:
    from qsched.specs.files import load_study

    return load_study(name)


def _load_space(name: str) -> BaseModel:
    from qsched.spaces import load_space

    return load_space(name)


def _load_schedule(name: str) -> BaseModel:
    from qsched.schedules.file import load_schedule

    return load_schedule(name)


KINDS: tuple[Kind, ...] = (
    Kind("study", "studies", "studies", _load_study),
    Kind("space", "spaces", "search_spaces", _load_space),
    Kind("schedule", "schedules", "search_spaces/handcoded", _load_schedule),
)


def is_path(name: str) -> bool:
    """Return whether ``name`` is a path rather than the bare name of a bundled file."""
    return "/" in name or bool(pathlib.PurePath(name).suffix)


def bundled_files(kind: Kind) -> Iterator[tuple[str, pathlib.Path]]:
    """Yield names and paths of the bundled files of a kind, sorted by name."""
    for name in bundled_names(kind.folder):
        yield name, resolve(kind.folder, name)


def find(name: str) -> tuple[Kind, pathlib.Path]:
    """Return kind and path of a bundled file's name, or of a path.

    Raises:
        UnknownNameError: no bundled file has this name.
        InputError: there is no such file, or it does not say of what kind it is.
    """
    if is_path(name):
        return kind_of(resolve("studies", name)), pathlib.Path(name)
    for kind in KINDS:
        if name in bundled_names(kind.folder):
            return kind, resolve(kind.folder, name)
    known = [known for kind in KINDS for known in bundled_names(kind.folder)]
    raise UnknownNameError("study, space or schedule", name, known)


def kind_of(path: pathlib.Path) -> Kind:
    """Return the kind of a file, by its ``format``.

    Raises:
        SpecError: it is not YAML text.
        InputError: it does not say of what kind it is.
    """
    data = Document.read(path).data
    tag = data.get("format") if isinstance(data, dict) else None
    for kind in KINDS:
        if isinstance(tag, str) and tag.startswith(f"qsched/{kind.name}/"):
            return kind
    formats = ", ".join(f"`format: qsched/{kind.name}/1`" for kind in KINDS)
    found = f"`format: {tag}`" if tag is not None else "no `format`"
    raise InputError(f"{path}: a file begins with one of {formats}, but this one has {found}")
