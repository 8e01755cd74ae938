"""Study files: read, and checked against everything that they name."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Iterator

from qsched.errors import InputError, Problem, SpecError
from qsched.files import Document, Path, Value, resolve
from qsched.registry import DATASETS, NETWORKS
from qsched.schedules.file import load_schedule
from qsched.spaces import SearchSpace, load_space
from qsched.specs.study import StudySpec, arm_name

__all__ = ["OVERLAPPED", "Faults", "load_study", "named_wrongly", "read_study"]

OVERLAPPED = "ana-2019-overlapped"
"""The baseline that every study of noise annealing has."""

Faults = Callable[[Value, StudySpec | None], Iterable[tuple[Path, str]]]
"""Finds faults of a study file: where they are, and what is wrong."""

_HOPELESS = {"", "format"}
"""Places of faults with which nothing else of a file is known: it is no mapping, or of no format
that is read here."""


def load_study(name: str | pathlib.Path) -> StudySpec:
    """Return a study: a bundled one by name, or one's own by path.

    Raises:
        SpecError: the file breaks rules or names what is not there; with every fault.
        InputError: no such study, or the file cannot be read.
    """
    return read_study(Document.read(resolve("studies", name)))


def read_study(document: Document, faults: Faults | None = None) -> StudySpec:
    """Return the study of a document, checked against everything that it names.

    Names with a ``/`` or a suffix are paths, which are read: refuse those of a document that a
    stranger sent. A study of noise annealing gets the baseline :data:`OVERLAPPED` where it has
    not named it.

    Args:
        document: the file.
        faults: what else than :func:`named_wrongly` finds where and what is wrong, given the data
            and the study, which is None for a document that breaks the rules of the format.

    Raises:
        SpecError: it breaks rules or names what is not there; with every fault.
    """
    spec, problems = _converted(document)
    data = document.data if spec is None else spec.model_dump(mode="json")
    told = {problem.path for problem in problems}
    if not told & _HOPELESS:
        found = (document.problem(text, path) for path, text in (faults or _named)(data, spec))
        problems += [problem for problem in found if problem.path not in told]
    if spec is None or problems:
        raise SpecError(document.source, sorted(problems, key=lambda p: p.line or 0))
    return _with_overlapped(spec)


def _with_overlapped(spec: StudySpec) -> StudySpec:
    """Return a study of noise annealing with the overlapped 2019 form among its baselines.

    Gains over the other published schedules alone would flatter the search. A study of frozen
    weights (INQ) stays as it is: that form anneals weights which are frozen there.
    """
    if OVERLAPPED in map(arm_name, spec.baselines) or not _anneals(load_space(spec.space)):
        return spec
    return spec.model_copy(update={"baselines": (*spec.baselines, OVERLAPPED)})


def _anneals(space: SearchSpace) -> bool:
    """Return whether noise anneals the weights of a space's schedules, all or some."""

    def kinds(tree: Value) -> Iterator[Value]:
        if isinstance(tree, dict):
            yield tree.get("kind")
            yield from (kind for branch in tree.values() for kind in kinds(branch))

    return "ana" in kinds(space.schedule.get("weights"))


def named_wrongly(
    data: Value,
    space: Callable[[str], object] = load_space,
    schedule: Callable[[str], object] = load_schedule,
) -> Iterator[tuple[Path, str]]:
    """Yield what a study file names wrongly: where, and what is wrong.

    What is no name at all breaks the rules of the format, and is passed over here.

    Args:
        data: the file's.
        space: reads a search space, or raises InputError.
        schedule: reads a hand-coded schedule, or raises InputError.
    """
    yield from _refused(data, ("task", "data", "name"), DATASETS.check)
    yield from _refused(data, ("task", "network", "name"), NETWORKS.check)
    yield from _refused(data, ("space",), space)
    baselines = _value(data, ("baselines",))
    for i in range(len(baselines) if isinstance(baselines, list | tuple) else 0):
        yield from _refused(data, ("baselines", i), schedule)


def _converted(document: Document) -> tuple[StudySpec | None, list[Problem]]:
    try:
        return document.to(StudySpec), []
    except SpecError as error:
        return None, list(error.problems)


def _named(data: Value, _: StudySpec | None) -> Iterator[tuple[Path, str]]:
    return named_wrongly(data)


def _refused(data: Value, path: Path, read: Callable[[str], object]) -> Iterator[tuple[Path, str]]:
    name = _value(data, path)
    if not isinstance(name, str):
        return
    try:
        read(name)
    except SpecError as error:
        yield from ((path, f"{error.source}: {problem}") for problem in error.problems)
    except InputError as error:
        yield path, str(error)


def _value(data: Value, path: Path) -> Value:
    """Return the value at a place; None where there is no such place."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data
