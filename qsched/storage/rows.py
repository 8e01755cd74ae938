"""What storage gives back, and how runs become table rows and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from qsched.schedules import Schedule
from qsched.specs import CurvePoint, Run, RunResult, StudySpec, TaskSpec

__all__ = ["Phase", "RunRow", "State", "StudyRow", "now", "run_row", "run_values"]

Phase = Literal["search", "selection", "report"]
State = Literal["running", "interrupted", "finished", "failed"]

_CURVE = TypeAdapter(tuple[tuple[int, float, float], ...])


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
        spec=StudySpec.model_validate_json(row["spec"]),
        sha256=row["sha256"],
        state=row["state"],
        created=row["created"].replace(tzinfo=UTC),
        updated=row["updated"].replace(tzinfo=UTC),
        verdict=None if row["verdict"] is None else json.loads(row["verdict"]),
        notes=json.loads(row["notes"]),
        versions=json.loads(row["versions"]),
    )


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
        "curve": compact([(p.step, p.loss, p.accuracy) for p in result.curve]),
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
        curve=tuple(
            CurvePoint(step=step, loss=loss, accuracy=accuracy)
            for step, loss, accuracy in _CURVE.validate_json(row["curve"])
        ),
        steps=row["steps"],
        seconds=row["seconds"],
        reason=row["reason"],
        versions=json.loads(row["versions"]),
    )
    return RunRow(arm=row["arm"], phase=row["phase"], run=run, result=result)
