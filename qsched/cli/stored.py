"""Studies as commands name them: stored ones by name, study files by name or path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from qsched.cli.kinds import is_path
from qsched.errors import InputError, StorageError, UnknownNameError
from qsched.files import bundled_names

if TYPE_CHECKING:
    from qsched.files import Document
    from qsched.schedules import Place
    from qsched.schedules.file import ScheduleFile
    from qsched.specs import StudySpec, TaskSpec
    from qsched.storage import Storage

__all__ = [
    "check_task",
    "is_stored",
    "opened",
    "schedules_for",
    "stored_name",
    "study_document",
    "study_spec",
]


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


def check_task(task: TaskSpec) -> tuple[Place, ...]:
    """Load a task's data and lay out its network, before anything is written or trained.

    Returns:
        The quantizers of the network; none for a model of a user's own, which names them itself.

    Raises:
        DataError: a data file is missing or broken.
        InputError: the network, its inputs, the sizes or the batches do not fit.
    """
    from qsched.schedules import LearningRate, Schedule
    from qsched.specs import Run
    from qsched.tasks import load_data, own_network, step_counts, task_plan
    from qsched.tasks.foreign import foreign

    rate = LearningRate(initial=task.optimizer.learning_rate)
    run = Run(task=task, schedule=Schedule(learning_rate=rate), seed=0)
    step_counts(run, len(load_data(task.data).train))
    own = own_network(task)
    if own is None:
        return task_plan(task)[0].places
    with foreign(f"the model of the network `{task.network.name}`", ""):
        typer.echo(own.check(task), err=True)
    return ()


def schedules_for(task: TaskSpec, names: Sequence[str]) -> list[ScheduleFile]:
    """Read schedules, and check them and a task against each other before anything is trained.

    Args:
        task: what is trained by them.
        names: bundled names, or paths of files.

    Raises:
        InputError: files break rules, or override quantizers that the network does not have, with
            every fault of every file; or as :func:`check_task`.
    """
    from qsched.schedules.file import load_schedule

    _each(load_schedule, names)
    places = check_task(task)
    return _each(lambda name: load_schedule(name, places), names)


def _each(read: Callable[[str], ScheduleFile], names: Sequence[str]) -> list[ScheduleFile]:
    found, faults = [], []
    for name in names:
        try:
            found.append(read(name))
        except InputError as error:
            faults.append(error)
    if len(faults) > 1:
        raise InputError("\n".join(map(str, faults)))
    for fault in faults:
        raise fault
    return found


def study_document(study: str, db: str | None) -> Document:
    """Return the file of a study: by bundled name, by path, or else as it is stored.

    Args:
        study: a name or a path.
        db: the study database; None looks for files only.

    Raises:
        InputError: there is no such study.
    """
    from qsched.files import Document, resolve

    if db is None or is_path(study) or study in bundled_names("studies"):
        return Document.read(resolve("studies", study))
    known = _stored(db)
    if study not in known:
        raise UnknownNameError("study", study, {*bundled_names("studies"), *known})
    return Document(f"study `{study}`", known[study].model_dump(mode="json"), {})


def is_stored(study: str, db: str) -> bool:
    """Return whether there is a database that has a study of this name."""
    from qsched.storage import Storage

    try:
        with Storage.open(db, create=False) as storage:
            storage.study(study)
    except InputError:
        return False
    return True


def _stored(db: str) -> dict[str, StudySpec]:
    """Return the studies of a database, by name; none where there is no database."""
    from qsched.storage import Storage

    try:
        with Storage.open(db, create=False) as storage:
            return {row.name: row.spec for row in storage.studies()}
    except InputError:
        return {}


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
