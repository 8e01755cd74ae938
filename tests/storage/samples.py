"""A study and runs to store."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from sqlalchemy import text

from qsched.schedules import Ana, Drop, Inq, Lag, LearningRate, Override, Schedule, Steps, Window
from qsched.specs import (
    Budget,
    CurvePoint,
    DataSpec,
    NetworkSpec,
    Run,
    RunResult,
    StudySpec,
    TaskSpec,
)
from qsched.storage import Phase, RunRow, Storage

TASK = TaskSpec(
    data=DataSpec(name="digits", validation=400),
    network=NetworkSpec(name="mlp9", width=16),
    epochs=10,
    batch_size=32,
)
SPEC = StudySpec(name="t", task=TASK, space="s", baselines=("b",), budget=Budget(trials=4))

SCHEDULES = (
    Schedule(
        window=Window(start=0.1, end=0.7, offset_start=1 / 3, offset_end=-2 / 7),
        lag=Lag(activations=0.1 + 0.2),
        weights=Ana(forward_std=12**-0.5, backward_std=0.8, backward_floor=1 / 7),
        activations=Ana(family="logistic", forward_std=0.1, backward_std=0.2),
        learning_rate=LearningRate(initial=0.01),
        overrides=(Override(role="weights", depth=(0.0, 0.5), exclude=True),),
    ),
    Schedule(
        decay=Steps(fractions=(0.3, 0.6, 1.0)),
        weights=Inq(partition="random"),
        learning_rate=LearningRate(initial=0.1, drops=(Drop(at=0.8, factor=0.1),)),
    ),
)


def make_row(seed: int, arm: int = 0, phase: Phase = "search", **values: Any) -> RunRow:
    """Return a run of arm 0 or 1, finished unless ``values`` of the result say otherwise."""
    run = Run(
        task=TASK,
        schedule=SCHEDULES[arm],
        seed=seed,
        length=1.0 if phase == "report" else 1 / 3,
        evaluate="test" if phase == "report" else "validation",
    )
    finished = {
        "accuracy": 1 / (seed + 3),
        "loss": 0.1 + 0.2,
        "curve": tuple(
            CurvePoint(step=30 * i, loss=1 / (i + seed + 1.7), accuracy=i / 11) for i in range(10)
        ),
        "versions": {"torch": "2.13.0"},
    }
    values = {"status": "finished", "steps": 300, "seconds": 0.1, **finished, **values}
    return RunRow(f"trial-{arm}", phase, run, RunResult(key=run.key, **values))


def limit_pages(storage: Storage, extra: int) -> None:
    """Let the database grow by ``extra`` pages only: a disk that is nearly full."""
    engine = storage.optuna.engine
    with ExitStack() as stack:
        idle = [stack.enter_context(engine.connect()) for _ in range(engine.pool.checkedin())]
        for connection in idle:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + extra}")
