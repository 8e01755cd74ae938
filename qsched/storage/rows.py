"""What storage gives back, and how runs become table rows and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import RowMapping

from qsched.errors import VersionError
from qsched.schedules import Schedule
from qsched.specs import CurvePoint, Run, RunResult, StudySpec, TaskSpec

__all__ = [
    "Phase",
    "RunRow",
    "State",
    "StudyRow",
    "compact",
    "now",
    "run_row",
    "run_values",
    "study_row",
    "study_spec",
]

Phase = Literal["search", "selection", "report"]
State = Literal["running", "interrupted", "finished", "failed"]

_CURVE = TypeAdapter(tuple[CurvePoint, ...])


@dataclass(frozen=True)
class StudyRow:
    """A stored study.

    Attributes:
        name: its name.
        spec: what was asked for.
        sha256: hash of the resolved study file.
        state: ``running``, ``interrupted``, ``finished`` or ``failed``.
        created: when it was first stored, UTC.
        updated: when its row was last written, UTC.
        verdict: the verdict as JSON data; None until there is one.
        notes: whatever the study wants to remember, as JSON data by key.
        versions: of the packages that stored it.
    """

    name: str
    spec: StudySpec
    sha256: str
    state: State
    created: datetime
    updated: datetime
    verdict: dict[str, Any] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRow:
    """A run of a study with its result, and what it was run for.

    Attributes:
        arm: the arm (candidate, baseline) it belongs to.
        phase: ``search``, ``selection`` or ``report``.
        run: the run.
        result: what became of it; ``result.key`` is the run's key.
    """

    arm: str
    phase: Phase
    run: Run
    result: RunResult


def now() -> datetime:
    """Return the time as it is stored: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def compact(value: object) -> str:
    """Return the shortest JSON text of ``value``."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def study_row(row: RowMapping) -> StudyRow:
    """Return the study of a row of the studies table."""
    return StudyRow(
        name=row["name"],
        spec=study_spec(row["name"], row["spec"]),
        sha256=row["sha256"],
        state=row["state"],
        created=row["created"].replace(tzinfo=UTC),
        updated=row["updated"].replace(tzinfo=UTC),
        verdict=None if row["verdict"] is None else json.loads(row["verdict"]),
        notes=json.loads(row["notes"]),
        versions=json.loads(row["versions"]),
    )


def study_spec(name: str, text: str) -> StudySpec:
    """Return the spec of a stored study.

    Raises:
        VersionError: a release with other study files stored it.
    """
    try:
        return StudySpec.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        raise VersionError(
            f"a stored study must be one that this release understands, but `{name}` has "
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}; use the release that stored it"
        ) from None


def run_values(row: RunRow, study_id: int, schedule: str, created: datetime) -> dict[str, Any]:
    """Return the columns of a run; ``schedule`` is the SHA-256 of its schedule."""
    run, result = row.run, row.result
    return {
        "study_id": study_id,
        "key": result.key,
        "arm": row.arm,
        "phase": row.phase,
        "schedule": schedule,
        "seed": run.seed,
        "length": run.length,
        "evaluate": run.evaluate,
        "learning_rate": run.schedule.learning_rate.initial,
        "status": result.status,
        "accuracy": result.accuracy,
        "loss": result.loss,
        "curve": _CURVE.dump_json(result.curve).decode(),
        "steps": result.steps,
        "seconds": result.seconds,
        "reason": result.reason,
        "versions": compact(result.versions),
        "created": created,
    }


def run_row(row: RowMapping, task: TaskSpec, schedules: Mapping[str, Schedule]) -> RunRow:
    """Return the run of a row of the runs table."""
    run = Run(
        task=task,
        schedule=schedules[row["schedule"]],
        seed=row["seed"],
        length=row["length"],
        evaluate=row["evaluate"],
    )
    result = RunResult(
        key=row["key"],
        status=row["status"],
        accuracy=row["accuracy"],
        loss=row["loss"],
        curve=_CURVE.validate_json(row["curve"]),
        steps=row["steps"],
        seconds=row["seconds"],
        reason=row["reason"],
        versions=json.loads(row["versions"]),
    )
    return RunRow(arm=row["arm"], phase=row["phase"], run=run, result=result)
