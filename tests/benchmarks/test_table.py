"""Medians, ratios, goals and the printed table, from invented samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.throughput.contenders import COMPILED, PEER_A
from benchmarks.throughput.costs import Costs, Growth
from benchmarks.throughput.goals import study_verdicts, task_verdicts
from benchmarks.throughput.machine import machine, rows_json, write_results
from benchmarks.throughput.peer_a import sample_of
from benchmarks.throughput.rounds import interleave
from benchmarks.throughput.rows import Row, Sample, Unavailable, ratio
from benchmarks.throughput.table import markdown, note_lines, task_lines
from benchmarks.throughput.tasks import BenchTask, task

PEAKS = [(1e9, 2e9)] * 3


def row(name: str, workers: int, rates: list[float], ours: bool = False, **more: Any) -> Row:
    samples = [Sample(rate, 3600.0, 0.5, **more) for rate in rates]
    return Row(name, workers, "as it is", ours, 3600 * 10**6, samples)


def rows() -> list[Row]:
    details = {"training": 0.9}
    return [
        row(PEER_A, 2, [1.0, 2.0, 4.0], startup=36.0, details=details),
        row(COMPILED, 1, [1.0, 2.0, 4.0]),
        row("qsched torch lanes, 1 process", 1, [13.0, 26.0, 52.0], ours=True),
        row("qsched torch lanes, 2 processes", 2, [40.0, 80.0, 160.0], ours=True),
        Row("qsched native lanes, 1 process", 1, ours=True, missing="no compiler"),
    ]


def test_a_ratio_is_that_of_samples_of_the_same_round() -> None:
    # The machine slows down by 10 in the second round; the ratio does not see it.
    assert ratio([30.0, 3.0, 30.0], [10.0, 1.0, 10.0]) == 3
    with pytest.raises(ValueError):
        ratio([1.0], [1.0, 2.0])


def test_goals_are_judged_by_the_fastest_rows_of_as_many_cores() -> None:
    found = list(task_verdicts("mlp64", rows(), PEAKS, []))
    assert [(v.found.split(" ")[0], v.word) for v in found] == [
        ("40.0", "not reached"),  # of 50
        ("13.0", "reached"),  # of 12
        ("2.6%", "not reached"),  # 26 trainings of 3.6 GFLOP an hour, of 1 GFLOP/s
    ]


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    alone = [each for each in rows() if each.name != PEER_A]
    assert [v.reached for v in task_verdicts("mlp64", alone, PEAKS, [])] == [None, True, False]
    assert list(task_verdicts("vgg8", rows(), PEAKS, [])) == []
    assert [v.reached for v in task_verdicts("cnn28", [], PEAKS, [])] == [None] * 4


def test_convolutions_are_judged_alone() -> None:
    *_, verdict = task_verdicts("cnn28", rows(), PEAKS, [0.7, 0.76, 0.8])
    assert (verdict.found, verdict.word) == ("76.0%", "reached")


def test_the_study_is_judged() -> None:
    parts = {"sampling": 1.0, "storage": 1.0, "orchestration": 0.56, "training": 27.0}
    costs = Costs(256, 600, 30.0, parts, "native-lanes")
    grown = [Growth(100, 0.010, 0.004, 1.0), Growth(1000, 0.02, 0.02, 5.0)]
    found = {v.goal: v.word for v in study_verdicts(costs, grown, peer_a=1000.0)}
    assert list(found.values()) == [
        "reached",  # 600 trainings at 1,000 an hour take 2,160 s, 72 times as long
        "reached",
        "reached",  # 10 ms a trial
        "reached",
        "not reached",
        "not measured",
    ]


def test_the_table_says_all_of_it() -> None:
    lines = list(task_lines("digits", "1 MFLOP", rows(), PEAKS, "; on a Sunday", [0.5, 0.7]))
    text = "\n".join([*lines, *note_lines(rows())])
    cells = {line.split("|")[1].strip(): line.split("|") for line in lines if line[:1] == "|"}
    assert [cell.strip() for cell in cells["qsched torch lanes, 2 processes"][2:-1]] == [
        "2", "80 [40 - 160]", "40.00", "20.00", "0.1", "4.0%", "0.500",
    ]  # fmt: skip
    assert "Not available: qsched native lanes, 1 process: no compiler." in text
    assert "1, 2 cores: 1, 2 GFLOP/s; on a Sunday" in text
    assert "on one core: 60.0% of sgemm [50.0% - 70.0%]" in text
    assert "starts up in 36.0 s" in text
    assert "90% of its time" in text
    assert text.count("as it is") == 4


def test_columns_are_aligned() -> None:
    lines = list(markdown(("a", "long name"), [("12345", "b")]))
    assert len({len(line) for line in lines}) == 1


def test_the_rate_of_a_search_is_that_between_its_trials() -> None:
    # One worker takes 2 s a trial, of which 1.5 s is training, the other 1 s, all of it training.
    slow = [{"accuracy": 0.5, "began": b, "ended": b + 1.5, "process": 1} for b in (7.0, 9, 11)]
    fast = [{"accuracy": 0.8, "began": b, "ended": b + 1.0, "process": 2} for b in (8.0, 9, 10)]
    found = sample_of([*fast, *slow], began=3.0, workers=2)
    assert found.rate == pytest.approx(3600 * (1 / 2 + 1 / 1))
    assert found.startup == 4
    assert found.accuracy == pytest.approx(0.65)
    assert found.details["training"] == pytest.approx((1.5 + 1.0) / (2 + 1))


def test_actors_that_are_not_reused_are_refused() -> None:
    trials = [
        {"accuracy": 0.5, "began": float(i), "ended": i + 1.0, "process": i} for i in range(4)
    ]
    with pytest.raises(RuntimeError, match="not reused"):
        sample_of(trials, 0.0, workers=2)


class Stub:
    """A contender that notes when it is called."""

    note, ours, workers = "", False, 1

    def __init__(self, name: str, calls: list[str], error: Exception | None = None) -> None:
        self.name, self.calls, self.error = name, calls, error

    def evaluations(self, task: BenchTask) -> int:
        return 1

    def prepare(self, task: BenchTask) -> None:
        if isinstance(self.error, Unavailable):
            raise self.error

    def sample(self, task: BenchTask) -> Sample:
        self.calls.append(self.name)
        if self.error is not None:
            raise self.error
        return Sample(1, 1.0)


def test_rounds_are_interleaved_and_failures_cost_one_row() -> None:
    calls: list[str] = []
    stubs = [
        Stub("a", calls),
        Stub("gone", calls, Unavailable("not here")),
        Stub("broken", calls, RuntimeError("out of order")),
        Stub("b", calls),
    ]
    found, peaks = interleave(stubs, task("mlp64"), 2, lambda n: n, lambda: (1.0,), lambda _: None)
    assert calls == ["a", "broken", "b", "b", "a"]
    assert [each.missing for each in found] == [
        None,
        "not here",
        "failed: RuntimeError: out of order",
        None,
    ]
    assert len(peaks) == len(found[0].samples) == 2


def test_results_hold_machine_and_samples(tmp_path: Path) -> None:
    about = machine()
    path = write_results({"tasks": rows_json(rows())}, about, tmp_path / "results")
    stored = json.loads(path.read_text())
    assert path.name.startswith(about["time"][:10])
    assert stored["machine"]["packages"]["torch"] and stored["machine"]["cores"] >= 1
    assert stored["tasks"][0]["samples"][0]["startup"] == 36.0
