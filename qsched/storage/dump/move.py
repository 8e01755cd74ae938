"""Studies out of one database and into another one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from qsched.errors import InputError
from qsched.storage import optuna_schema
from qsched.storage.database import Storage
from qsched.storage.dump.runs import add_runs, parquet_of_runs, runs_of
from qsched.storage.dump.trials import add_optuna_study, optuna_study
from qsched.storage.engine import insert_new, readable_errors, shown, write
from qsched.storage.rows import compact
from qsched.storage.tables import schedules, studies

__all__ = ["Counts", "dump", "restore"]

_JSON = ("spec", "verdict", "notes", "versions")
_TIMES = ("created", "updated")


@dataclass(frozen=True)
class Counts:
    """How much was moved."""

    studies: int
    schedules: int
    runs: int
    trials: int


def dump(storage: Storage, names: Sequence[str] | None = None) -> tuple[dict[str, bytes], Counts]:
    """Return studies with all that belongs to them, as the files of a dump.

    A study may go on meanwhile: its dump is one that was interrupted. Leases stay behind, since
    they are about processes.

    Args:
        storage: the database.
        names: the studies; None is all, with those that only Optuna knows.

    Returns:
        Contents of files by name, and how much is in them.

    Raises:
        UnknownNameError: there is no study of such a name.
        InputError: pyarrow is not installed.
        StorageError: the database cannot be read.
    """
    for name in names or ():
        storage.study(name)
    engine = storage.optuna.engine
    # In this order what is read later refers to nothing that was not there before.
    with readable_errors(engine), engine.connect() as connection:
        rows = _studies(connection, names)
        trials = _trials(storage, connection, names)
        stored = runs_of(connection, {row["id"]: row["name"] for row in rows})
        used = _schedules(connection, {row["schedule"] for row in stored})
    files = {
        "studies.json": _json([_study_data(row) for row in rows]),
        "trials.json": _json(trials),
        "runs.parquet": parquet_of_runs(stored),
        "schedules.json": _json(used),
    }
    count = sum(len(study["trials"]) for study in trials)
    return files, Counts(len(rows), len(used), len(stored), count)


def restore(storage: Storage, files: Mapping[str, bytes]) -> Counts:
    """Add the studies of a dump to a database: all of them, or nothing.

    Args:
        storage: the database.
        files: what :func:`dump` returned.

    Raises:
        InputError: the database has a study of the same name, or pyarrow is not installed.
        StorageError: the database cannot be written.
    """
    rows, trials = json.loads(files["studies.json"]), json.loads(files["trials.json"])
    used = json.loads(files["schedules.json"])
    engine = storage.optuna.engine
    with write(engine) as connection:
        taken = {
            *connection.scalars(select(studies.c.name)),
            *connection.scalars(optuna_schema.names()),
        }
        _refuse(shown(engine), taken, [row["name"] for row in (*rows, *trials)])
        numbers = {row["name"]: _add_study(connection, row) for row in rows}
        _add_schedules(connection, used)
        count = add_runs(connection, files["runs.parquet"], numbers)
        total = sum(add_optuna_study(connection, study) for study in trials)
    return Counts(len(rows), len(used), count, total)


def _studies(connection: Connection, names: Sequence[str] | None) -> list[dict[str, Any]]:
    query = select(studies).order_by(studies.c.id)
    if names is not None:
        query = query.where(studies.c.name.in_(names))
    return [dict(row) for row in connection.execute(query).mappings()]


def _trials(
    storage: Storage, connection: Connection, names: Sequence[str] | None
) -> list[dict[str, Any]]:
    known = set(connection.scalars(optuna_schema.names()))
    chosen = sorted(known if names is None else known.intersection(names))
    found = []
    for name in chosen:
        study = optuna_study(storage.optuna, name)
        # Trials may be added meanwhile.
        ids = connection.scalars(optuna_schema.trial_ids(name)).all()
        found.append({**study, "ids": ids[: len(study["trials"])]})
    return found


def _schedules(connection: Connection, used: Iterable[str]) -> dict[str, Any]:
    wanted = set(used)
    return {
        row.sha256: json.loads(row.schedule)
        for row in connection.execute(select(schedules).order_by(schedules.c.sha256))
        if row.sha256 in wanted
    }


def _study_data(row: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: row[key] and json.loads(row[key]) for key in _JSON}
    times = {key: row[key].isoformat() for key in _TIMES}
    return {key: value for key, value in {**row, **texts, **times}.items() if key != "id"}


def _add_study(connection: Connection, data: Mapping[str, Any]) -> int:
    texts = {key: None if data[key] is None else compact(data[key]) for key in _JSON}
    times = {key: datetime.fromisoformat(data[key]) for key in _TIMES}
    adding = insert(studies).values({**data, **texts, **times}).returning(studies.c.id)
    number: int = connection.execute(adding).scalar_one()
    return number


def _add_schedules(connection: Connection, used: Mapping[str, Any]) -> None:
    rows = [{"sha256": name, "schedule": compact(value)} for name, value in used.items()]
    insert_new(connection, schedules, rows)


def _refuse(database: str, taken: set[str], names: Iterable[str]) -> None:
    if both := sorted(taken.intersection(names)):
        raise InputError(
            "studies are added to a database that has none of their names, but "
            f"{database} has {', '.join(both)}; use another database, or export single studies "
            "with --study"
        )


def _json(data: Any) -> bytes:
    return json.dumps(data, indent=1).encode()
