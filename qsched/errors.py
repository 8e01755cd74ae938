"""Every exception that qsched raises on purpose.

::

    QschedError                 exit code 1: a failure
    |-- InputError              exit code 2: the user can mend it
    |   |-- SpecError           a study, space or schedule file breaks rules; lists all of them
    |   |-- UnknownNameError    a name that no registry or folder holds; suggests the nearest
    |   `-- DataError           a data file is missing, truncated or of another layout
    |-- StorageError            the study database cannot be read or written
    |   |-- VersionError        the study database has another schema version
    |   |-- UnreachableError    the database server does not answer; it may be back soon
    |   `-- ConflictError       another process has written to the study meanwhile
    `-- TrainingError           a cohort could not be trained

A message gives the rule, what was found, and the fix.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "ConflictError",
    "DataError",
    "InputError",
    "Problem",
    "QschedError",
    "SpecError",
    "StorageError",
    "TrainingError",
    "UnknownNameError",
    "UnreachableError",
    "VersionError",
    "nearest",
]


class QschedError(Exception):
    """Base of all errors that qsched raises on purpose."""

    exit_code = 1


class InputError(QschedError):
    """The input breaks a rule; the message says which one and how to mend it."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One fault of a file: where it stands and what is wrong."""

    message: str
    path: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        field = f"{self.path}: " if self.path else ""
        return f"{where}{field}{self.message}"


class SpecError(InputError):
    """A file breaks one or more rules; all of them are reported together."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.source, self.problems)


class UnknownNameError(InputError):
    """A name that is not known, with the nearest known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        super().__init__(f"unknown {kind} `{name}`; {nearest(name, self.known)}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.name, self.known)


class DataError(InputError):
    """A data file is missing, truncated or not in the published layout."""


class StorageError(QschedError):
    """The study database cannot be read or written."""


class VersionError(StorageError):
    """The study database has the schema of another version."""


class UnreachableError(StorageError):
    """The server of the study database does not answer; what was asked may have been done."""


class ConflictError(StorageError):
    """Another process has written to the study since it was read; nothing was written."""


class TrainingError(QschedError):
    """A cohort could not be trained at all (a single diverged run is a result, not an error)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of ``known``, or all of them.

    >>> nearest("digits-anna", ["digits-ana", "fashion-ana"])
    'did you mean `digits-ana`?'
    >>> nearest("zzz", ["b", "a"])
    'known: a, b'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(names) or 'none'}"
