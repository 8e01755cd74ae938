"""Optuna's studies and trials as JSON data, and back.

Parameters are kept as Optuna keeps them, a number and a distribution, so that choices of any type
come back as they were. NaN and infinities stand in the files as Python writes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table, insert

from qsched.storage import optuna_schema as schema
from qsched.storage.trials import insert_trials

__all__ = ["add_optuna_study", "optuna_study"]

_OF_TRIAL = re.compile(r"(dashboard:(?:artifacts:)?)(\d+)(:.*)", re.DOTALL)
"""Keys with which the dashboard keeps a trial's notes and artifacts, with its id in them."""


def optuna_study(storage: RDBStorage, name: str) -> dict[str, Any]:
    """Return an Optuna study with all of its trials, as JSON data."""
    number = storage.get_study_id_from_name(name)
    return {
        "name": name,
        "directions": [direction.name for direction in storage.get_study_directions(number)],
        "user_attrs": storage.get_study_user_attrs(number),
        "system_attrs": storage.get_study_system_attrs(number),
        "trials": [_data(trial) for trial in storage.get_all_trials(number, deepcopy=False)],
    }


def add_optuna_study(connection: Connection, data: Mapping[str, Any]) -> int:
    """Insert a study of :func:`optuna_study` and its trials; return how many trials.

    ``data["ids"]`` are the ids that the trials had: notes name them, and follow them.
    """
    adding = insert(schema.STUDIES).values(study_name=data["name"])
    number: int = connection.execute(adding.returning(schema.STUDIES.c.study_id)).scalar_one()
    directions = [
        {"study_id": number, "direction": direction, "objective": objective}
        for objective, direction in enumerate(data["directions"])
    ]
    _insert(connection, schema.STUDY_DIRECTIONS, directions)
    trials = [_trial(i, each) for i, each in enumerate(data["trials"])]
    ids = insert_trials(connection, number, 0, trials) if trials else []
    renamed = dict(zip(data["ids"], ids, strict=True))
    for kind, table in _STUDY_ATTRIBUTES.items():
        rows = [
            {"study_id": number, "key": _key(key, renamed), "value_json": json.dumps(value)}
            for key, value in data[kind].items()
        ]
        _insert(connection, table, rows)
    return len(trials)


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


_STUDY_ATTRIBUTES = {
    "user_attrs": schema.STUDY_USER_ATTRIBUTES,
    "system_attrs": schema.STUDY_SYSTEM_ATTRIBUTES,
}


def _key(key: str, renamed: Mapping[int, int]) -> str:
    found = _OF_TRIAL.fullmatch(key)
    if found is None or int(found[2]) not in renamed:
        return key
    return f"{found[1]}{renamed[int(found[2])]}{found[3]}"


def _data(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "state": trial.state.name,
        "start": _text(trial.datetime_start),
        "complete": _text(trial.datetime_complete),
        "values": trial.values,
        "intermediate": trial.intermediate_values,
        "params": {
            name: {
                "value": distribution.to_internal_repr(trial.params[name]),
                "distribution": json.loads(distribution_to_json(distribution)),
            }
            for name, distribution in trial.distributions.items()
        },
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
    }


def _trial(number: int, data: Mapping[str, Any]) -> FrozenTrial:
    distributions = {
        name: json_to_distribution(json.dumps(each["distribution"]))
        for name, each in data["params"].items()
    }
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=TrialState[data["state"]],
        value=None,
        values=data["values"],
        datetime_start=_time(data["start"]),
        datetime_complete=_time(data["complete"]),
        params={
            name: distribution.to_external_repr(data["params"][name]["value"])
            for name, distribution in distributions.items()
        },
        distributions=distributions,
        user_attrs=data["user_attrs"],
        system_attrs=data["system_attrs"],
        intermediate_values={
            int(step): float(value) for step, value in data["intermediate"].items()
        },
    )


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
