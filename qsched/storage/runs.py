"""Writes the runs of one study."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from qsched.specs import TaskSpec, digest
from qsched.storage import tables
from qsched.storage.engine import insert_new, write
from qsched.storage.rows import RunRow, now, run_values

__all__ = ["RunWriter"]


class RunWriter:
    """Appends runs to one study, some in one transaction.

    It knows which schedules it has written, so what comes often, a run or two of a schedule whose
    other runs are stored, is one statement.

    Args:
        engine: of the database.
        study: the study's name.
        study_id: its row.
        task: its task.
    """

    def __init__(self, engine: Engine, study: str, study_id: int, task: TaskSpec) -> None:
        self._engine, self._study = engine, study
        self._study_id, self._task = study_id, task
        self._written: set[str] = set()

    def append(self, rows: Sequence[RunRow]) -> None:
        """Store ``rows``, all or none; one whose key the study has already is left as it is.

        Raises:
            ValueError: a run is of another task than the study.
            StorageError: the database cannot be written, or the study is no longer there.
        """
        if any(row.run.task != self._task for row in rows):
            raise ValueError(f"runs of study `{self._study}` must be of its task")
        names = {id(row.run.schedule): digest(row.run.schedule) for row in rows}
        schedules = {names[id(row.run.schedule)]: row.run.schedule for row in rows}
        new = schedules.keys() - self._written
        time = now()
        texts = [
            {"sha256": name, "schedule": schedules[name].model_dump_json()} for name in sorted(new)
        ]
        values = [
            run_values(row, self._study_id, names[id(row.run.schedule)], time) for row in rows
        ]
        with write(self._engine) as connection:
            insert_new(connection, tables.schedules, texts)
            insert_new(connection, tables.runs, values)
        self._written |= new
