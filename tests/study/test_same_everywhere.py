"""The same study in one process, on Ray with SQLite, and on Ray with PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qsched.cli.worker import alone, train
from qsched.execution import Executor, Inline
from qsched.schedules import Schedule
from qsched.specs import (
    Budget,
    Confirmation,
    DataSpec,
    NetworkSpec,
    Rung,
    RunResult,
    SamplerSpec,
    StaticArm,
    StudySpec,
    TaskSpec,
)
from qsched.storage import Storage
from qsched.study import Verdict, run_study

SPEC = StudySpec(
    name="same",
    task=TaskSpec(
        data=DataSpec(name="synthetic", train=256, validation=128),
        network=NetworkSpec(name="mlp3", width=8),
        epochs=2,
        batch_size=32,
    ),
    space="ana",
    baselines=("ana-ste-static", "ana-2019-overlapped"),
    static=StaticArm(backward_std=(0.5,)),
    budget=Budget(trials=4, rungs=(Rung(seeds=2), Rung(seeds=4)), learning_rates=(1.0,)),
    sampler=SamplerSpec(batch=2, startup=2),
    confirmation=Confirmation(candidates=2, baselines=2, selection_seeds=2, report_seeds=4),
    lanes=4,
)

Runs = dict[tuple[Schedule, int, str], RunResult]


@pytest.fixture(scope="module")
def ray_executor() -> Iterator[Executor]:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from qsched.execution.ray import Ray

    with Ray(train, 2, alone=alone) as executor:
        yield executor


def test_the_same_runs_everywhere(
    tmp_path: Path, postgres_url: str, ray_executor: Executor
) -> None:
    expected, verdict = _run(f"sqlite:///{tmp_path}/inline.db", Inline(train))
    assert len(expected) > 40
    for url in (f"sqlite:///{tmp_path}/ray.db", postgres_url):
        runs, said = _run(url, ray_executor)
        assert runs.keys() == expected.keys()
        for key, result in runs.items():
            assert result.accuracy == pytest.approx(expected[key].accuracy, abs=1e-6)
            assert result.loss == pytest.approx(expected[key].loss, rel=1e-5, abs=1e-6)
        assert said == verdict


def _run(url: str, executor: Executor) -> tuple[Runs, Verdict]:
    with Storage.open(url) as storage:
        verdict = run_study(SPEC, storage, executor, lambda progress: None)
        rows = storage.runs("same")
    return {(r.run.schedule, r.run.seed, r.run.evaluate): r.result for r in rows}, verdict
