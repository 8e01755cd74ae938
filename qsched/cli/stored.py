"""Studies as commands name them: stored ones by name, study files by name or path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qsched.cli.kinds import is_path
from qsched.files import bundled_names

if TYPE_CHECKING:
    from qsched.specs import StudySpec
    from qsched.storage import Storage

__all__ = ["opened", "stored_name", "study_spec"]


@contextmanager
def opened(db: str, *, create: bool = False) -> Iterator[Storage]:
    """Open the study database; see :meth:`qsched.storage.Storage.open`.

    Optuna says what goes wrong, and nothing else.
    """
    import optuna

    from qsched.storage import Storage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with Storage.open(db, create=create) as storage:
        yield storage


def stored_name(study: str) -> str:
    """Return the name under which a study is stored, given this name or the path of its file."""
    if not is_path(study):
        return study
    from qsched.specs.files import load_study

    return load_study(study).name


def study_spec(study: str, db: str) -> StudySpec:
    """Return a study: of a file, by bundled name or by path, or else stored under this name.

    Raises:
        SpecError: the file breaks rules.
        InputError: there is neither such a file nor such a stored study.
    """
    from qsched.specs.files import load_study

    if is_path(study) or study in bundled_names("studies"):
        return load_study(study)
    with opened(db) as storage:
        return storage.study(study).spec
