"""Studies as commands name them: stored ones by name, study files by name or path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from qsched.cli.kinds import is_path
from qsched.errors import StorageError
from qsched.files import bundled_names

if TYPE_CHECKING:
    from qsched.specs import StudySpec, TaskSpec
    from qsched.storage import Storage

__all__ = ["check_task", "opened", "stored_name", "study_spec"]


@contextmanager
def opened(db: str, *, create: bool = False) -> Iterator[Storage]:
    """Open the study database; see :meth:`qsched.storage.Storage.open`.

    Raises:
        StorageError: also for what goes wrong inside Optuna, when the disk is full for instance.
    """
    import optuna
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError

    from qsched.storage import Storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with Storage.open(db, create=create) as storage:
        try:
            yield storage
        except (DBAPIError, StorageInternalError) as error:
            cause = error if isinstance(error, DBAPIError) else error.__cause__
            reason = cause.orig if isinstance(cause, DBAPIError) else error
            raise StorageError(
                f"a study needs a database that can be written, but {storage.url}: {reason}; "
                "make room or choose another one with --db, and run the same command again"
            ) from error


def stored_name(study: str) -> str:
    """Return the name under which a study is stored, given this name or the path of its file."""
    if not is_path(study):
        return study
    from qsched.specs.files import load_study

    return load_study(study).name


def check_task(task: TaskSpec) -> None:
    """Load a task's data and build its network, before anything is written or trained.

    Raises:
        DataError: a data file is missing or broken.
        InputError: the network or the sizes do not fit.
    """
    from qsched.tasks import build_network, load_data, own_network

    own = own_network(task)
    if own is None:
        build_network(task, load_data(task.data).classes)
    else:
        typer.echo(own.check(task), err=True)


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
