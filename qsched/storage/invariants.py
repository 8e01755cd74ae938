"""What holds for the rows of every study database; docs/storage.md says why.

Hashes are taken of the JSON that is stored, so that a release that adds a field to a file format
does not doubt what an older one wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from qsched.files import json_digest
from qsched.schedules import Schedule
from qsched.specs import Run, TaskSpec, digest
from qsched.storage import optuna_schema
from qsched.storage.database import Storage
from qsched.storage.engine import readable_errors
from qsched.storage.tables import runs, schedules, studies

__all__ = ["Violation", "row_violations"]

_RUN = (
    *(runs.c.id, runs.c.study_id, runs.c.key, runs.c.schedule, runs.c.seed, runs.c.length),
    *(runs.c.evaluate, runs.c.status, runs.c.accuracy, runs.c.loss, runs.c.reason),
)


@dataclass(frozen=True)
class Violation:
    """A rule that a database breaks.

    Attributes:
        rule: name of the rule, as in docs/storage.md.
        study: name of the study; None: it is about no single one.
        row: what breaks it, in words.
    """

    rule: str
    study: str | None
    row: str


def row_violations(storage: Storage) -> Iterator[Violation]:
    """Yield what the rows break: hashes and keys, results, numbers and states of trials.

    Raises:
        StorageError: the database cannot be read.
    """
    engine = storage.optuna.engine
    with readable_errors(engine), engine.connect() as connection:
        specs: dict[int, tuple[str, Any]] = {}
        for row in connection.execute(select(studies).order_by(studies.c.id)).mappings():
            specs[row["id"]] = row["name"], json.loads(row["spec"])
            yield from _study(row)
        known = {
            row.sha256: json.loads(row.schedule) for row in connection.execute(select(schedules))
        }
        for sha256, schedule in known.items():
            if json_digest(schedule) != sha256:
                yield Violation("schedule-hash", None, f"schedule {sha256}")
        query = select(*_RUN).order_by(runs.c.id).execution_options(yield_per=1000)
        for row in connection.execute(query).mappings():
            yield from _run(row, *specs[row["study_id"]], known)
        yield from _doubles(connection, specs)
        yield from _trials(connection)


def _study(row: RowMapping) -> Iterator[Violation]:
    if json_digest(json.loads(row["spec"])) != row["sha256"]:
        yield Violation("study-hash", row["name"], f"hash {row['sha256']}")
    if (row["state"] == "finished") != (row["verdict"] is not None):
        has = "a verdict" if row["verdict"] else "no verdict"
        yield Violation("verdict-state", row["name"], f"{row['state']}, with {has}")


def _run(
    row: RowMapping, study: str, spec: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[Violation]:
    name = f"run {row['id']} ({row['key'][:12]})"
    schedule = known.get(row["schedule"])
    if schedule is None:
        yield Violation("run-key", study, f"{name}: its schedule is missing")
    elif row["key"] != _key(row, spec["task"], schedule) and row["key"] != _key_now(
        row, spec["task"], schedule
    ):
        yield Violation("run-key", study, f"{name}: it is of another task, schedule or seed")
    accuracy = row["accuracy"]
    if row["status"] == "finished":
        good = accuracy is not None and 0 <= accuracy <= 1 and row["loss"] is not None
    else:
        good = row["status"] == "failed" and accuracy is None and row["reason"] is not None
    if not good:
        yield Violation("run-result", study, f"{name}: {row['status']}, accuracy {accuracy}")


def _key(row: RowMapping, task: Any, schedule: Any) -> str:
    own = {key: row[key] for key in ("seed", "length", "evaluate")}
    return json_digest({"task": task, "schedule": schedule, **own})


def _key_now(row: RowMapping, task: Any, schedule: Any) -> str:
    """Return the key that this release gives the run: it may have fields that the text has not."""
    own = {key: row[key] for key in ("seed", "length", "evaluate")}
    texts = json.dumps(task), json.dumps(schedule)
    models = TaskSpec.model_validate_json(texts[0]), Schedule.model_validate_json(texts[1])
    return digest(Run(task=models[0], schedule=models[1], **own))


def _doubles(connection: Connection, specs: Mapping[int, tuple[str, Any]]) -> Iterator[Violation]:
    count = func.count().label("count")
    query = select(runs.c.study_id, runs.c.key, count).group_by(runs.c.study_id, runs.c.key)
    for row in connection.execute(query.having(count > 1)):
        yield Violation("run-unique", specs[row.study_id][0], f"{row.count} runs {row.key[:12]}")


def _trials(connection: Connection) -> Iterator[Violation]:
    """Yield gaps in the numbers of Optuna's trials, and trials that nobody finishes."""
    study, expected = None, 0
    for name, number, state in connection.execute(optuna_schema.states()):
        if name != study:
            study, expected = name, 0
        if number != expected:
            yield Violation("trial-numbers", name, f"trial {number} in place {expected}")
        if state in ("RUNNING", "WAITING"):
            yield Violation("trial-finished", name, f"trial {number} is {state}")
        expected += 1
