"""Recommendations: at once, honest about what they rest on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qsched.files import to_yaml
from qsched.learning.analysis.features import FEATURES, TaskFeatures
from qsched.learning.recommend import distances, recommend
from qsched.schedules.file import load_schedule
from qsched.specs.heuristics import (
    AlgorithmHeuristics,
    FormulaSpec,
    Heuristics,
    LearnedRule,
    LearnedSchedule,
    SeenTask,
)

DEPTHS = (3.0, 6.0, 9.0, 14.0)


def task(depth: float, **more: float) -> TaskFeatures:
    values = {"steps": 300.0, "levels": 3.0, "fan_in": 16.0, "batch_size": 32.0} | more
    return TaskFeatures(depth=depth, noise_to_step=0.144, **values)


def learned(gain: float = 0.02) -> AlgorithmHeuristics:
    """The deeper, the larger the gain; the end of hardening depends on depth."""
    published = load_schedule("ana-2019-overlapped").schedule
    rate = published.learning_rate.model_copy(update={"initial": 2.0})
    formula = FormulaSpec(
        form="power", features=("depth",), numbers=(0.9, -0.2), text="0.9 depth^-0.2", nodes=5
    )
    rule = LearnedRule(
        id="ana-end",
        words="w",
        part="end",
        formulas={"end": formula},
        effect=0.01,
        interval=(0.0, 0.02),
        basis="predicted",
        tasks=4,
    )
    seen = tuple(
        SeenTask(
            name=f"t{i}",
            dataset="d",
            features=dict(zip(FEATURES, task(depth, steps=s).values().tolist(), strict=True)),
            gain=gain * depth / 9,
        )
        for i, (depth, s) in enumerate((d, s) for d in DEPTHS for s in (300.0, 1200.0))
    )
    return AlgorithmHeuristics(
        portfolio=(
            LearnedSchedule(
                name="best",
                schedule=published.model_copy(update={"learning_rate": rate}),
                regret=0.1,
            ),
        ),
        base="ana-2019-overlapped",
        rules=(rule,),
        tasks=seen,
        reach=2.0,
    )


def test_formulas_and_learning_rate_follow_the_task() -> None:
    found = recommend(learned(), "ana", task(9), center=0.01)
    assert found.schedule.window.end == pytest.approx(0.9 * 9**-0.2)
    assert found.schedule.learning_rate.initial == pytest.approx(0.02)
    assert found.source == "best"


def test_expected_gains_come_with_an_interval_that_new_tasks_fall_into() -> None:
    found = recommend(learned(), "ana", task(9), center=0.01)
    expected = found.over_hand_coded
    assert expected is not None
    low, high = expected.interval
    assert low <= 0.02 <= high
    assert low < expected.gain < high
    assert found.over_static is None


def test_what_lies_far_away_is_called_so() -> None:
    near = recommend(learned(), "ana", task(6), center=0.01)
    assert (near.unlike, near.outside, near.nearest) == (False, (), "t2")
    assert near.distance == pytest.approx(0)
    far = recommend(learned(), "ana", task(100, steps=1e6), center=0.01)
    assert far.unlike
    assert set(far.outside) == {"depth", "steps"}


def test_distances_are_in_units_of_spread() -> None:
    scale = np.array([[0.0, 5.0], [2.0, 5.0]])
    assert distances(np.array([0.0, 5.0]), scale, scale) == pytest.approx([0.0, 2.0])
    assert distances(np.array([0.0, 6.0]), scale, scale)[0] == pytest.approx(1.0)


def test_the_command_writes_a_schedule_without_torch(tmp_path: Path) -> None:
    file, out = tmp_path / "heuristics.yaml", tmp_path / "best.yaml"
    made = Heuristics(about="made up", algorithms={"ana": learned()})
    file.write_text(to_yaml(made.model_dump(mode="json", exclude_none=True)))
    program = (
        "import sys; from qsched.cli import main\n"
        f"sys.argv = ['qsched', 'recommend', '--task', 'fashion-mlp9', '--out', {str(out)!r}, "
        f"'--heuristics', {str(file)!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(sorted({'torch', 'optuna', 'sklearn', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "expected gain over the best hand-coded schedule: +" in done.stdout
    assert "not known" in done.stdout
    schedule = load_schedule(out)
    assert schedule.provenance is not None
    assert schedule.schedule.window.end == pytest.approx(0.9 * 9**-0.2)
