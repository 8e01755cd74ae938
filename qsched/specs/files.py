"""Study files: read, and checked against everything that they name."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

from qsched.errors import InputError, SpecError
from qsched.files import Document, resolve
from qsched.registry import DATASETS, NETWORKS, Registry
from qsched.schedules.file import load_schedule
from qsched.spaces import load_space
from qsched.specs.study import StudySpec

__all__ = ["load_study", "read_study"]


def load_study(name: str | pathlib.Path) -> StudySpec:
    """Return a study: a bundled one by name, or one's own by path.

    Raises:
        SpecError: the file breaks rules or names what is not there; with every fault.
        InputError: no such study, or the file cannot be read.
    """
    return read_study(Document.read(resolve("studies", name)))


def read_study(document: Document) -> StudySpec:
    """Return the study of a document, checked against everything that it names.

    Names with a ``/`` or a suffix are paths, which are read: refuse those of a document that a
    stranger sent.

    Raises:
        SpecError: it breaks rules or names what is not there; with every fault.
    """
    spec = document.to(StudySpec)
    problems = [document.problem(message, path) for path, message in _faults(spec)]
    if problems:
        raise SpecError(document.source, sorted(problems, key=lambda p: p.line or 0))
    return spec


def _faults(spec: StudySpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what a valid study file names wrongly: where, and what is wrong."""
    yield from _unknown(DATASETS, spec.task.data.name, ("task", "data", "name"))
    yield from _unknown(NETWORKS, spec.task.network.name, ("task", "network", "name"))
    yield from _unreadable(load_space, spec.space, ("space",))
    for i, name in enumerate(spec.baselines):
        yield from _unreadable(load_schedule, name, ("baselines", i))


def _unknown(
    registry: Registry, name: str, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    try:
        registry.check(name)
    except InputError as error:
        yield path, str(error)


def _unreadable(
    load: Callable[[str], object], name: str, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    try:
        load(name)
    except SpecError as error:
        yield from ((path, f"{error.source}: {problem}") for problem in error.problems)
    except InputError as error:
        yield path, str(error)
