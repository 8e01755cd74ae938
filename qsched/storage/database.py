"""The study database: studies, schedules and runs, with Optuna's tables beside them."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, select, update

from qsched import __version__
from qsched.errors import InputError, StorageError, UnknownNameError
from qsched.schedules import Schedule
from qsched.specs import StudySpec
from qsched.storage import tables
from qsched.storage.engine import (
    connect,
    insert_new,
    read_only,
    readable_errors,
    sqlite_file,
    write,
)
from qsched.storage.leases import Leases
from qsched.storage.rows import (
    Phase,
    RunRow,
    State,
    StudyRow,
    compact,
    now,
    run_row,
    study_row,
    study_spec,
)
from qsched.storage.runs import RunWriter
from qsched.storage.schema import no_database, prepare
from qsched.storage.tally import Score, Tally, read_scores, tally

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial


__all__ = ["DEFAULT_URL", "Storage"]

DEFAULT_URL = "sqlite:///qsched.db"


class Storage:
    """A study database.

    Every method that writes is one transaction: all of it is stored, or nothing (but not Optuna's
    own methods). Several processes may use a database at once; a
    writer waits for the one before it. An instance belongs to one thread. It is a context manager
    that closes itself.

    Every method raises :class:`~qsched.errors.StorageError` with a one-line reason when the
    database cannot be read or written.

    >>> with Storage.open("sqlite://") as storage:
    ...     storage.studies()
    []
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str = DEFAULT_URL, create: bool = True) -> Self:
        """Open the database at ``url``; an older schema is migrated.

        Args:
            url: database URL, such as ``sqlite:///FILE`` or ``postgresql+psycopg://...``.
            create: make a new database where there is none.

        Raises:
            InputError: ``url`` is not usable, or there is no database and ``create`` is false.
            VersionError: the database is of a newer release or of another program.
            StorageError: the database cannot be opened.
        """
        engine = connect(url)
        file = sqlite_file(engine)
        if file is not None and not file.exists():
            if not create:
                raise no_database(engine)
            if not file.absolute().parent.is_dir():
                raise StorageError(
                    f"the folder of a database must exist, but `{file.absolute().parent}` does "
                    "not; create it, or name another file"
                )
        try:
            prepare(engine, create)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def url(self) -> str:
        """The database's URL, with a password hidden."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def read_only(self) -> bool:
        """Whether this process may read the database, but not write it."""
        return read_only(self._engine)

    @cached_property
    def optuna(self) -> RDBStorage:
        """Optuna's storage in this database, over the same connections."""
        from qsched.storage.trials import optuna_storage

        return optuna_storage(self._engine)

    @cached_property
    def leases(self) -> Leases:
        """Which process runs which study."""
        return Leases(self._engine)

    def add_trials(
        self, study: str, trials: Sequence[FrozenTrial], first: int | None = None
    ) -> None:
        """Append finished trials to the Optuna study called ``study``, in their order.

        One transaction, where ``ask``, ``report`` and ``tell`` commit every value. An
        ``optuna.Study`` that is open already sees the trials when it next reads them.

        Args:
            study: the study's name.
            trials: the trials.
            first: the number that the first one must get; None is whatever comes next.

        Raises:
            KeyError: Optuna has no study of this name.
            ConflictError: ``first`` is not the next number; nothing is written.
        """
        from qsched.storage.trials import append_trials

        with self.guard():
            study_id = self.optuna.get_study_id_from_name(study)
        append_trials(self._engine, study_id, trials, first)

    def save_study(
        self, spec: StudySpec, sha256: str, gone: Callable[[str], bool] | None = None
    ) -> None:
        """Store a study, in state ``running``; one that is stored already is left as it is.

        Args:
            spec: the study.
            sha256: hash of its resolved text.
            gone: says whether the owner of a lease has certainly ended. Where it is given, a
                different study of this name gives way if it has no runs and nobody runs it: its
                file was mended.

        Raises:
            InputError: a different study of this name is stored.
            VersionError: a release with other study files stored it.
        """
        time = now()
        values = {
            "name": spec.name,
            "spec": spec.model_dump_json(),
            "sha256": sha256,
            "state": "running",
            "created": time,
            "updated": time,
            "notes": "{}",
            "versions": compact(_versions()),
        }
        columns = tables.studies.c
        query = select(columns.id, columns.sha256, columns.spec).where(columns.name == spec.name)
        with write(self._engine) as connection:
            insert_new(connection, tables.studies, [values])
            stored = connection.execute(query.with_for_update()).one()
            # Specs are compared, since a field that is new since then changes the hash alone.
            same = stored.sha256 == sha256 or study_spec(spec.name, stored.spec) == spec
            if same:
                return
            if gone is not None and _unused(connection, stored.id, gone):
                change = update(tables.studies).where(columns.id == stored.id)
                connection.execute(change.values(values))
                return
        raise InputError(
            f"a study keeps its file, but `{spec.name}` is stored with another one (hash "
            f"{stored.sha256[:12]}, now {sha256[:12]}); give the changed study another name, "
            "or use another database"
        )

    def studies(self) -> list[StudyRow]:
        """Return all studies, the oldest first."""
        query = select(tables.studies).order_by(tables.studies.c.id)
        with readable_errors(self._engine), self._engine.connect() as connection:
            return [study_row(row) for row in connection.execute(query).mappings()]

    def study(self, name: str) -> StudyRow:
        """Return one study.

        Raises:
            UnknownNameError: there is none of this name.
        """
        query = select(tables.studies).where(tables.studies.c.name == name)
        with readable_errors(self._engine), self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise self._unknown(name)
        return study_row(row)

    def set_state(self, name: str, state: State) -> None:
        """Store the state of a study.

        Raises:
            UnknownNameError: there is no study of this name.
        """
        self._set(name, state=state)

    def set_own_state(self, name: str, state: State, owner: str) -> None:
        """Store the state of a study if ``owner`` holds its lease; another's is left as it is."""
        columns, held = tables.studies.c, tables.leases.c
        own = select(held.study_id).where(held.owner == owner)
        query = update(tables.studies).where(columns.name == name, columns.id.in_(own))
        with write(self._engine) as connection:
            connection.execute(query.values(state=state, updated=now()))

    def set_verdict(self, name: str, verdict_json: dict[str, Any]) -> None:
        """Store the verdict of a study, as JSON data; with it, the study is finished.

        Raises:
            UnknownNameError: there is no study of this name.
            ValueError: NaN or an infinity is in it.
        """
        self._set(name, verdict=compact(verdict_json), state="finished")

    def set_note(self, name: str, key: str, value: Any) -> None:
        """Store ``value``, JSON data, under ``key`` in the notes of a study.

        Raises:
            UnknownNameError: there is no study of this name.
            ValueError: NaN or an infinity is in it.
        """
        columns = tables.studies.c
        query = select(columns.notes).where(columns.name == name).with_for_update()
        with write(self._engine) as connection:
            notes = connection.scalar(query)
            if notes is not None:
                changed = compact({**json.loads(notes), key: value})
                connection.execute(
                    update(tables.studies)
                    .where(columns.name == name)
                    .values(notes=changed, updated=now())
                )
        if notes is None:
            raise self._unknown(name)

    def add_runs(self, study: str, rows: Sequence[RunRow]) -> None:
        """Store runs of a study; one whose key the study has already is left as it is.

        Args:
            study: the study's name.
            rows: runs of the study's task.

        Raises:
            UnknownNameError: there is no study of this name.
            ValueError: a run is of another task than the study.
        """
        self.run_writer(study).append(rows)

    def run_writer(self, study: str) -> RunWriter:
        """Return what stores runs of one study again and again; cheaper than ``add_runs``.

        Raises:
            UnknownNameError: there is no study of this name.
        """
        study_id, spec = self._identity(study)
        return RunWriter(self._engine, study, study_id, spec.task)

    def runs(self, study: str, phase: Phase | None = None) -> list[RunRow]:
        """Return the runs of a study, in the order they were stored.

        Args:
            study: the study's name.
            phase: only those of this phase; None is all.

        Raises:
            UnknownNameError: there is no study of this name.
        """
        study_id, spec = self._identity(study)
        columns = tables.runs.c
        query = select(tables.runs).where(columns.study_id == study_id).order_by(columns.id)
        if phase is not None:
            query = query.where(columns.phase == phase)
        used = select(tables.schedules).where(
            tables.schedules.c.sha256.in_(query.order_by(None).with_only_columns(columns.schedule))
        )
        with readable_errors(self._engine), self._engine.connect() as connection:
            # Runs first: the schedules of what is added meanwhile do no harm.
            rows = connection.execute(query).mappings().all()
            schedules = {
                row.sha256: Schedule.model_validate_json(row.schedule)
                for row in connection.execute(used)
            }
        return [run_row(row, spec.task, schedules) for row in rows]

    def scores(self, study: str) -> list[Score]:
        """Return the runs of a study, in the order they were stored, without their curves."""
        return read_scores(self._engine, study)

    def tally(self, study: str) -> Tally:
        """Return how far a study is, counted by the database; zero for one that is not there."""
        return tally(self._engine, study)

    def guard(self) -> AbstractContextManager[None]:
        """Return a context whose database errors, Optuna's too, become ``StorageError``."""
        return readable_errors(self._engine)

    def close(self) -> None:
        """Close all connections; the instance is of no use afterwards."""
        if "optuna" in self.__dict__:
            self.optuna.scoped_session.remove()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _identity(self, name: str) -> tuple[int, StudySpec]:
        columns = tables.studies.c
        query = select(columns.id, columns.spec).where(columns.name == name)
        with readable_errors(self._engine), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise self._unknown(name)
        return row.id, study_spec(name, row.spec)

    def _set(self, name: str, **values: str) -> None:
        query = update(tables.studies).where(tables.studies.c.name == name)
        with write(self._engine) as connection:
            found = connection.execute(query.values(**values, updated=now())).rowcount
        if not found:
            raise self._unknown(name)

    def _unknown(self, name: str) -> UnknownNameError:
        with readable_errors(self._engine), self._engine.connect() as connection:
            known = connection.scalars(select(tables.studies.c.name)).all()
        return UnknownNameError("stored study", name, known)


def _unused(connection: Connection, study_id: int, gone: Callable[[str], bool]) -> bool:
    """Return whether a study has no runs, and nobody who makes some."""
    runs, leases = tables.runs.c, tables.leases.c
    if connection.scalar(select(runs.id).where(runs.study_id == study_id).limit(1)) is not None:
        return False
    owner = connection.scalar(select(leases.owner).where(leases.study_id == study_id))
    return owner is None or gone(owner)


def _versions() -> dict[str, str]:
    packages = ("optuna", "SQLAlchemy")
    own = {"python": platform.python_version(), "qsched": __version__}
    return own | {name: version(name) for name in packages}
