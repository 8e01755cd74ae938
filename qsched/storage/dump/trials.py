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
from sqlalchemy import Connection, Engine, MetaData, insert, select

from qsched.storage.trials import TrialWriter

__all__ = ["OptunaTables", "optuna_study"]

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


class OptunaTables:
    """Optuna's tables of one database, for studies that come as a whole.

    Args:
        engine: of a database that has these tables.
    """

    def __init__(self, engine: Engine) -> None:
        self._writer = TrialWriter(engine)
        metadata = MetaData()
        metadata.reflect(engine, only=[*_STUDY_ATTRIBUTES.values(), "study_directions", "trials"])
        self._tables = metadata.tables

    def names(self, connection: Connection) -> set[str]:
        """Return the names of all studies."""
        return set(connection.scalars(select(self._tables["studies"].c.study_name)))

    def ids(self, connection: Connection, name: str) -> list[int]:
        """Return the ids of a study's trials, by number."""
        studies, trials = self._tables["studies"].c, self._tables["trials"].c
        query = (
            select(trials.trial_id)
            .join(self._tables["studies"], studies.study_id == trials.study_id)
            .where(studies.study_name == name)
            .order_by(trials.number)
        )
        return list(connection.scalars(query))

    def add(self, connection: Connection, data: Mapping[str, Any]) -> int:
        """Insert a study of :func:`optuna_study` and its trials; return how many trials.

        ``data["ids"]`` are the ids that the trials had: notes name them, and follow them.
        """
        studies = self._tables["studies"]
        number = connection.scalar(
            insert(studies).values(study_name=data["name"]).returning(studies.c.study_id)
        )
        assert number is not None
        self._insert(
            connection,
            "study_directions",
            [
                {"study_id": number, "direction": direction, "objective": objective}
                for objective, direction in enumerate(data["directions"])
            ],
        )
        trials = [_trial(i, each) for i, each in enumerate(data["trials"])]
        ids = self._writer.insert(connection, number, 0, trials) if trials else []
        renamed = dict(zip(data["ids"], ids, strict=True))
        for kind, table in _STUDY_ATTRIBUTES.items():
            rows = [
                {"study_id": number, "key": _key(key, renamed), "value_json": json.dumps(value)}
                for key, value in data[kind].items()
            ]
            self._insert(connection, table, rows)
        return len(trials)

    def _insert(self, connection: Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            connection.execute(insert(self._tables[table]), rows)


_STUDY_ATTRIBUTES = {
    "user_attrs": "study_user_attributes",
    "system_attrs": "study_system_attributes",
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
