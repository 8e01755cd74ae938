"""The page on SchedBench and the shipped data: code runs, files are read, counts hold."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from qsched.files import bundled
from qsched.learning import Bench, load_bench, load_tests
from qsched.learning import Tests as TestResults
from qsched.learning.bench.design import sobol
from qsched.learning.bench.plans import extra_plans
from qsched.learning.bench.tasks import chosen, features, load_bench_spec
from qsched.schedules.file import load_schedule
from qsched.spaces import load_space
from qsched.specs import Run

pytest.importorskip("pyarrow")

PAGE = (Path(__file__).parents[2] / "docs" / "schedbench.md").read_text(encoding="utf-8")
DATA = bundled("studies/data")
LIMIT = 20e6
"""Bytes of all shipped files together."""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in _blocks("python"):
        exec(block, names)
    assert names["point"] == sobol(load_space("ana"), 1, (0.002, 0.08))[0]
    assert capsys.readouterr().out.strip() == "True"


def test_the_file_of_arms_on_the_page_is_read(tmp_path: Path) -> None:
    [text] = _blocks("yaml")
    path = tmp_path / "arms.yaml"
    path.write_text(text, encoding="utf-8")
    [plan] = extra_plans(path)
    assert plan.rates == (0.01, 0.025, 0.06)
    assert plan.lengths == (1.0, 0.5)


def test_the_card_states_what_is_shipped() -> None:
    card = (DATA / "README.md").read_text(encoding="utf-8")
    bench = load_bench()
    assert f"{len(bench.runs):,} trainings" in card
    keys = "\n".join(sorted(bench.runs.key))
    assert sha256(keys.encode()).hexdigest() in card
    for path in DATA.glob("*.parquet"):
        assert sha256(path.read_bytes()).hexdigest() in card
    assert sum(path.stat().st_size for path in DATA.iterdir()) < LIMIT


def test_the_shipped_data_are_consistent() -> None:
    bench, tests = load_bench(), load_tests()
    runs = bench.runs
    assert len(set(runs.key)) == len(runs)
    assert set(runs.task) == set(bench.tasks.name)
    assert set(runs.arm) == set(bench.arms.name)
    reported = runs.where(runs.phase == "report")
    assert set(tests.key) == set(reported.key)
    assert (reported.seed >= 200_000).all()
    assert (runs.where(runs.phase == "search").seed < 100_000).all()
    assert ((runs.accuracy >= 0) & (runs.accuracy <= 1)).all()
    # Accuracy is a count of the validation examples.
    size = dict(zip(bench.tasks.name, bench.tasks.validation, strict=True))
    hits = runs.accuracy * np.array([size[task] for task in runs.task])
    np.testing.assert_allclose(hits, np.rint(hits), atol=5e-3)


def test_the_shipped_tasks_are_those_of_the_file() -> None:
    table = {
        row[0]: row for row in zip(*_columns(features(chosen(load_bench_spec()))), strict=True)
    }
    for row in zip(*_columns(load_bench().tasks), strict=True):
        assert row == table[row[0]]


def test_no_refined_arm_was_trained_in_the_search_on_what_it_leaves_out() -> None:
    bench = load_bench()
    datasets = dict(zip(bench.tasks.name, bench.tasks.dataset, strict=True))
    search = bench.runs.where(bench.runs.phase == "search")
    kinds, left_out = bench.arms.column("kind"), bench.arms.column("left_out")
    refined = [
        (left_out[arm], datasets[task])
        for arm, task in zip(search.arm, search.task, strict=True)
        if kinds[arm] == "refined"
    ]
    assert refined
    assert all(made_without not in ("", dataset) for made_without, dataset in refined)


def _columns(table: object) -> list[np.ndarray]:
    return [getattr(table, name) for name in ("name", "dataset", "depth", "steps", "sha256")]


def test_keys_are_those_of_runs_put_together_from_the_tables() -> None:
    """Task, schedule, learning rate, seed, length and split in the tables are what was trained."""
    bench = load_bench()
    runs = bench.runs.where(np.random.default_rng(0).choice(len(bench.runs), 40, replace=False))
    for i in range(len(runs)):
        run = Run(
            task=bench.tasks.task(runs.task[i]),
            schedule=bench.arms.arm(runs.arm[i], float(runs.learning_rate[i])),
            seed=int(runs.seed[i]),
            length=float(runs.length[i]),
            evaluate="test" if runs.phase[i] == "report" else "validation",
        )
        assert run.key.startswith(runs.key[i])


def test_the_wide_controls_are_hand_coded_curves() -> None:
    plans = extra_plans(bundled("studies/bench") / "wide-control.yaml")
    assert len(plans) == 5
    for plan in plans:
        source = load_schedule(plan.arm.name.removeprefix("wide-")).schedule
        made = plan.arm.schedule
        assert (made.window, made.decay, made.lag) == (source.window, source.decay, source.lag)
        assert made.activations is not None
        assert (made.activations.backward_std, made.activations.backward_floor) == (0.8, 1.0)


def test_what_of_a_transferred_gain_is_the_curves() -> None:
    """The page's means over tasks follow from the shipped data."""
    bench, tests = load_bench(), load_tests()
    for algorithm, other in (("inq", "ana"), ("ana", "inq")):
        gains = []
        for task in bench.tasks.name:
            curve = _reported(bench, tests, task, f"transfer-{other}-to-{algorithm}-")
            wide = _reported(bench, tests, task, f"wide-{algorithm}-")
            coded = _reported(bench, tests, task, "", algorithm)
            seeds = set(curve) & set(wide) & set(coded)
            pairs = [(curve[s] - wide[s], wide[s] - coded[s]) for s in seeds]
            if pairs:
                gains.append(np.mean(pairs, axis=0))
        by_curve, by_width = 100 * np.mean(gains, axis=0)
        line = f"| {algorithm.upper()} | {len(gains)} | {by_width:+.1f} | {by_curve:+.1f} |"
        assert line in PAGE


def _reported(
    bench: Bench, tests: TestResults, task: str, start: str, algorithm: str = ""
) -> dict[int, float]:
    """Return test accuracy by seed of the arm that was best in the search: of a name, or coded."""
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    algorithms = dict(zip(bench.arms.name, bench.arms.algorithm, strict=True))
    whole = bench.runs.where((bench.runs.task == task) & (bench.runs.length == 1))
    report, search = (whole.where(whole.phase == phase) for phase in ("report", "search"))
    mine = [
        arm
        for arm in sorted(set(report.arm))
        if (start and arm.startswith(start))
        or (algorithm and kinds[arm] == "hand-coded" and algorithms[arm] == algorithm)
    ]
    best, top = "", 0.0
    for arm in mine:
        rows = search.where(search.arm == arm)
        for rate in set(rows.learning_rate):
            mean = float(rows.accuracy[rows.learning_rate == rate].mean())
            best, top = (arm, mean) if mean > top else (best, top)
    scores = dict(zip(tests.key, tests.accuracy, strict=True))
    rows = report.where(report.arm == best)
    return {int(seed): float(scores[key]) for key, seed in zip(rows.key, rows.seed, strict=True)}
