"""Optuna's storage, and trials in its tables. Imported on first use: Optuna takes its time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Engine, Table, insert

from qsched.errors import ConflictError, VersionError
from qsched.storage import optuna_schema as schema
from qsched.storage.engine import only_one, readable_errors, shown, write

__all__ = ["append_trials", "insert_trials", "optuna_storage"]


def optuna_storage(engine: Engine) -> RDBStorage:
    """Return Optuna's storage over the connections of ``engine``; its tables are created.

    Raises:
        VersionError: another release of Optuna wrote its tables.
        StorageError: the database cannot be read or written.
    """
    url = engine.url.render_as_string(hide_password=False)
    with readable_errors(engine), only_one(engine):
        try:
            return RDBStorage(url, engine_kwargs={"pool": engine.pool})
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise VersionError(f"{shown(engine)}: {reason}") from None


def append_trials(
    engine: Engine, study_id: int, trials: Sequence[FrozenTrial], first: int | None = None
) -> None:
    """Append finished ``trials`` to a study of Optuna's, in their order: all or none.

    Args:
        engine: of a database that has Optuna's tables.
        study_id: the study.
        trials: the trials.
        first: the number that the first one must get; None is whatever comes next.

    Raises:
        ConflictError: the first one would not get the number ``first``.
        StorageError: the database cannot be written.
    """
    if not trials:
        return
    with write(engine) as connection:
        connection.execute(schema.lock(study_id))
        found = connection.scalar(schema.next_number(study_id)) or 0
        if first not in (None, found):
            raise ConflictError(
                f"trials are written by one process, but another one has written numbers up "
                f"to {found} where {first} was expected; run the same command again"
            )
        insert_trials(connection, study_id, found, trials)


def insert_trials(
    connection: Connection, study_id: int, first: int, trials: Sequence[FrozenTrial]
) -> list[int]:
    """Insert ``trials`` as numbers ``first``, ``first + 1``, ...; return their ids.

    Optuna writes a trial parameter by parameter, with two queries each; this writes the same rows
    with one statement a table.
    """
    ids = connection.scalars(
        insert(schema.TRIALS).returning(schema.TRIALS.c.trial_id, sort_by_parameter_order=True),
        [_trial(study_id, first + i, trial) for i, trial in enumerate(trials)],
    ).all()
    for table, rows_of in _PARTS.items():
        rows = [
            {"trial_id": trial_id, **row}
            for trial_id, trial in zip(ids, trials, strict=True)
            for row in rows_of(trial)
        ]
        if rows:
            connection.execute(insert(table), rows)
    return list(ids)


def _trial(study_id: int, number: int, trial: FrozenTrial) -> dict[str, Any]:
    return {
        "study_id": study_id,
        "number": number,
        "state": trial.state.name,
        "datetime_start": _utc(trial.datetime_start),
        "datetime_complete": _utc(trial.datetime_complete),
    }


def _utc(time: datetime | None) -> datetime | None:
    """Return a local time as Optuna stores it: in UTC, without a time zone."""
    return time and time.astimezone(UTC).replace(tzinfo=None)


def _params(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }


def _values(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for objective, value in enumerate(trial.values or ()):
        number, kind = _stored(value)
        yield {"objective": objective, "value": number, "value_type": kind}


def _intermediate(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for step, value in trial.intermediate_values.items():
        number, kind = _stored(value)
        yield {"step": step, "intermediate_value": number, "intermediate_value_type": kind}


def _user_attributes(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for key, value in trial.user_attrs.items():
        yield {"key": key, "value_json": json.dumps(value)}


def _system_attributes(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for key, value in trial.system_attrs.items():
        yield {"key": key, "value_json": json.dumps(value)}


def _stored(value: float) -> tuple[float | None, str]:
    """Return a number and its kind: databases know no NaN and no infinities."""
    if math.isnan(value):
        return None, "NAN"
    if math.isinf(value):
        return None, "INF_POS" if value > 0 else "INF_NEG"
    return value, "FINITE"


_PARTS: dict[Table, Callable[[FrozenTrial], Iterator[dict[str, Any]]]] = {
    schema.TRIAL_PARAMS: _params,
    schema.TRIAL_VALUES: _values,
    schema.TRIAL_INTERMEDIATE_VALUES: _intermediate,
    schema.TRIAL_USER_ATTRIBUTES: _user_attributes,
    schema.TRIAL_SYSTEM_ATTRIBUTES: _system_attributes,
}
"""Optuna's tables of what belongs to a trial, and the rows of one trial in each."""
