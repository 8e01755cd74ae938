"""bench-data and controller: from a file of tasks to files of results, in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from qsched.cli.worker import train
from qsched.learning import load_bench, load_tests
from qsched.specs import Run, RunResult
from qsched.storage import Storage
from tests.cli.conftest import Qsched

BENCH = """\
format: qsched/bench/1
learning_rate: 0.02
learning_rates: [1.0]
design_learning_rates: [0.005, 0.05]
spaces: {ana: ana, inq: inq}
baselines: [ana-ste-static, inq-halves]
static: [0.58]
data:
  toy: {name: synthetic, train: 64, validation: 64, pool: 1, batch_size: 16,
        short: 1, long: 2, inputs: 64, classes: 4}
networks:
  mlp3: {name: mlp3, width: 8, depth: 3, fan_in: 8, control: true}
precisions:
  ternary: {weights: ternary, activations: ternary, levels: 3}
tasks:
  - [toy, mlp3, ternary, short]
  - [toy, mlp3, ternary, long]
"""

RUN = ("--workers", 1, "--design", 2, "--seeds", 1, "--report-seeds", 1, "--bench", "bench.yaml")


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    return path


def test_bench_data_trains_resumes_and_exports(
    qsched: Qsched, bench_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    first = qsched("bench-data", *RUN, "--tasks", "*-short", "--export", "out")
    assert first.code == 0, first.err
    # 2 x 2 points of the design and 4 other arms; then those 4 on the seed of the report.
    assert "runs 8/8" in first.err
    assert first.out.startswith("12 runs of 1 tasks")
    again = qsched("bench-data", *RUN, "--export", "out", "--json")
    summary = json.loads(again.out)
    assert (summary["runs"], summary["tasks"], summary["tests"]) == (24, 2, 8)
    assert "toy-mlp3-ternary-short: runs" not in again.err
    bench = load_bench(tmp_path / "out")
    assert len(bench.runs) == 24
    assert len(load_tests(tmp_path / "out")) == 8


def stored(folder: Path, database: str) -> dict[str, tuple[object, ...]]:
    """Return the outcome of every run of a database, by its key."""
    with Storage.open(f"sqlite:///{folder}/{database}") as storage:
        rows = [row for study in storage.studies() for row in storage.runs(study.name)]
    found: dict[str, tuple[object, ...]] = {
        row.run.key: (row.arm, row.phase, row.result.accuracy, row.result.loss, row.result.curve)
        for row in rows
    }
    assert len(found) == len(rows)
    return found


class Interrupted:
    """Trains, but is interrupted when it is asked for the second time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, runs: Sequence[Run]) -> list[RunResult]:
        self.asked.append(len(runs))
        if len(self.asked) == 2:
            raise KeyboardInterrupt
        return train(runs)


def test_an_interrupted_generation_goes_on_with_workers_of_any_kind(
    qsched: Qsched, bench_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = (*RUN, "--tasks", "*-short")
    assert qsched("bench-data", *short, "--db", "sqlite:///whole.db").code == 0
    interrupted = Interrupted()
    with monkeypatch.context() as patch:
        patch.setattr("qsched.cli.executors.train", interrupted)
        assert qsched("bench-data", *short, "--db", "sqlite:///parts.db").code == 130
    # The search is stored, the report is not.
    assert interrupted.asked == [8, 4]
    assert len(stored(tmp_path, "parts.db")) == 8
    others = ("--ray", "--workers", 2) if find_spec("ray") else ("--workers", 2)
    rest = qsched("bench-data", *short, *others, "--db", "sqlite:///parts.db")
    assert rest.code == 0, rest.err
    assert "runs 4/4" in rest.err
    assert "/8" not in rest.err
    assert stored(tmp_path, "parts.db") == stored(tmp_path, "whole.db")


def test_no_time_trains_nothing(qsched: Qsched, bench_file: Path) -> None:
    pytest.importorskip("pyarrow")
    result = qsched("bench-data", *RUN, "--minutes", 0, "--export", "out")
    assert result.code == 2
    assert "must hold runs of SchedBench" in result.err


def test_an_unknown_task_is_answered_with_the_nearest(qsched: Qsched, bench_file: Path) -> None:
    result = qsched("bench-data", *RUN, "--tasks", "toy-mlp3-ternary-shrt")
    assert result.code == 2
    assert "did you mean `toy-mlp3-ternary-short`" in result.err


def test_a_controller_is_compared_with_its_replay(
    qsched: Qsched, bench_file: Path, tmp_path: Path
) -> None:
    options = ("--generations", 1, "--population", 4, "--seeds", 1, "--report-seeds", 2)
    task = ("--bench", "bench.yaml", "--task", "*-long")
    result = qsched("controller", *task, *options, "--out", "found.json")
    assert result.code == 0, result.err
    assert "generation 1/1" in result.err
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found["parameters"]) == 6
    [compared] = found["comparisons"]
    scores = compared["controller"]["accuracies"], compared["replay"]["accuracies"]
    difference = sum(a - b for a, b in zip(*scores, strict=True)) / 2
    assert compared["minus_replay"]["difference"] == pytest.approx(difference)
    assert compared["mean_clock"][-1] == 1
