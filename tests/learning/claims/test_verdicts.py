"""Claims: made-up runs of known differences get the verdicts they deserve."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from qsched.learning import Arms, Bench, Runs, Tests
from qsched.learning.bench.data import columns
from qsched.learning.claims.claims import Claim, Claims, Line, load_claims
from qsched.learning.claims.evidence import Evidence
from qsched.learning.claims.factorial import order_share
from qsched.learning.claims.measures import MEASURES
from qsched.learning.claims.text import as_markdown
from qsched.learning.claims.verdicts import LineOutcome, Outcome, judge
from tests.learning.fabricate import make_bench

SEEDS = 8


def evidence(gain: float, spread: float = 0.0, tasks: int = 8) -> Evidence:
    """Return runs in which the learned default gains ``gain`` over all rivals on every task.

    ``spread`` is added on even tasks and subtracted on odd ones.
    """
    made, _ = make_bench(design=2)
    names = [f"made-{i}" for i in range(tasks)]
    rows = np.array([1, 3] * tasks)[:tasks]
    table = replace(
        made.tasks.where(rows),
        name=np.array(names, dtype=object),
        dataset=np.array([f"set-{i % 4}" for i in range(tasks)], dtype=object),
    )
    random = np.random.default_rng(0)
    runs, tests = [], []
    arms = [("hand", "ana", "hand-coded", ""), ("stat", "none", "static", "")]
    arms += [(f"learned-{i}", "ana", "learned", f"set-{i}") for i in range(4)]
    for i, task in enumerate(names):
        for arm in ("hand", "stat", f"learned-{i % 4}"):
            more = (gain + spread * (-1) ** i) * arm.startswith("learned")
            for seed in range(SEEDS):
                # Seeds are paired: what a seed adds, it adds to every arm.
                test = 0.7 + more + 0.01 * np.sin(seed) + 0.001 * random.standard_normal()
                for phase in ("search", "report"):
                    key = f"{len(runs):016x}"
                    runs.append((key, task, arm, phase, seed, test))
                    if phase == "report":
                        tests.append((key, test, 1 - test))
    return Evidence(
        Bench(table, _arms(arms, made.arms), _runs(runs), {}), _tests(tests), claims([])
    )


def _arms(rows: list[tuple[str, str, str, str]], like: Arms) -> Arms:
    # Schedules differ, since arms of equal schedules share their runs.
    texts = []
    for i in range(len(rows)):
        data = json.loads(like.schedule[0])
        data["weights"]["backward_std"] = 0.1 + i
        texts.append(json.dumps(data))
    count = len(rows)
    name, algorithm, kind, left_out = columns(rows)
    return Arms(
        *(name, algorithm, kind, np.full(count, -1), left_out),
        np.array([""] * count, dtype=object),
        np.array(texts, dtype=object),
        np.array(["{}"] * count, dtype=object),
        np.array([str(i) for i in range(count)], dtype=object),
    )


def _runs(rows: list[tuple[str, str, str, str, int, float]]) -> Runs:
    key, task, arm, phase, seed, score = zip(*rows, strict=True)
    count = len(rows)
    texts = (np.array(c, dtype=object) for c in (key, task, arm, phase))
    curve = np.zeros((count, 5))
    return Runs(
        *texts,
        np.array(seed),
        np.full(count, 0.01),
        np.ones(count),
        np.array(score),
        np.zeros(count),
        np.zeros(count, dtype=bool),
        np.full(count, 300),
        np.zeros(count),
        curve,
        curve,
    )


def _tests(rows: list[tuple[str, float, float]]) -> Tests:
    key, accuracy, loss = zip(*rows, strict=True)
    return Tests(np.array(key, dtype=object), np.array(accuracy), np.array(loss))


def claims(lines: list[dict[str, object]]) -> Claims:
    stated = [
        Line.model_validate({"id": f"x{i}", "words": "w", "measure": "learned-hand", **line})
        for i, line in enumerate(lines or [{"test": "not_worse"}])
    ]
    return Claims(
        format="qsched/claims/1",
        level=0.95,
        alpha=0.05,
        margin=0.003,
        deep=6,
        seeds=SEEDS,
        claims=(Claim(id="x", number=1, words="x", lines=tuple(stated)),),
    )


def verdict(found: Evidence, **line: object) -> LineOutcome:
    [outcome] = judge(claims([line]), found)
    return outcome.lines[0]


def test_a_gain_that_is_there_holds_with_its_size() -> None:
    line = verdict(evidence(0.03), test="at_least", value=0.02)
    assert line.verdict == "holds"
    assert line.estimate == pytest.approx(0.03, abs=0.001)
    assert line.p == pytest.approx(1 / 256)
    assert line.wilcoxon is not None and line.wilcoxon < 0.01


def test_a_gain_below_the_threshold_does_not_hold_and_an_unsure_one_is_undecided() -> None:
    small = verdict(evidence(0.01), test="at_least", value=0.02)
    assert small.verdict == "does not hold"
    assert "2 points are claimed" in small.note
    unsure = verdict(evidence(0.02, spread=0.04), test="at_least", value=0.03)
    assert unsure.verdict == "undecided"


def test_margins_are_for_small_losses_only() -> None:
    assert verdict(evidence(-0.001), test="not_worse").verdict == "holds"
    assert verdict(evidence(-0.01), test="not_worse").verdict == "does not hold"


def test_one_bad_task_is_named() -> None:
    line = verdict(evidence(0.02, spread=0.05), test="nowhere_worse")
    assert line.verdict == "does not hold"
    assert "worse on 4 of 8 tasks: made-1" in line.note
    assert verdict(evidence(0.02), test="nowhere_worse").verdict == "holds"


def test_a_difference_near_zero_and_one_that_is_not() -> None:
    assert verdict(evidence(0.001), test="near_zero", value=0.02).verdict == "holds"
    assert verdict(evidence(0.05), test="near_zero", value=0.02).verdict == "does not hold"


def test_too_few_runs_decide_nothing_and_say_so() -> None:
    line = verdict(evidence(0.05, tasks=2), test="at_least", value=0.02)
    assert line.verdict == "undecided"
    assert "needs at least 3 tasks, but 2" in line.note
    missing = verdict(evidence(0.05), test="ratio_at_least", measure="tied-sync-family", value=3)
    assert missing.verdict == "undecided"
    assert len(missing.missing) == 8


def test_a_claim_falls_with_its_weakest_line() -> None:
    [outcome] = judge(
        claims([{"test": "at_least", "value": 0.02}, {"test": "at_least", "value": 0.1}]),
        evidence(0.03),
    )
    assert [line.verdict for line in outcome.lines] == ["holds", "does not hold"]
    assert outcome.verdict == "does not hold"
    text = as_markdown([outcome])
    assert text.count("\n") == 4
    assert "+3.0" in text


def test_p_values_are_corrected_for_the_number_of_lines() -> None:
    [outcome] = judge(claims([{"test": "at_least"}] * 3), evidence(0.03))
    assert outcome.lines[0].p == pytest.approx(3 / 256)


def test_shares_of_variance_against_a_plain_sum() -> None:
    table = np.random.default_rng(0).random((5, 3, 4))
    mean = table.mean()
    plain = sum(12 * (table[i].mean() - mean) ** 2 for i in range(5))
    assert order_share(table, axis=0) == pytest.approx(plain / ((table - mean) ** 2).sum())
    parts = [order_share(table, axis=i) or 0 for i in range(3)]
    assert sum(parts) < 1
    assert order_share(None, axis=0) is None
    assert order_share(np.ones((2, 2)), axis=0) == 0


def test_the_claims_that_are_shipped_are_measured_and_numbered() -> None:
    stated = load_claims()
    lines = [line for claim in stated.claims for line in claim.lines]
    assert {line.measure for line in lines} <= set(MEASURES)
    assert len({line.id for line in lines}) == len(lines)
    assert [claim.number for claim in stated.claims] == [1, 2, 3, 4, 5, 6]
    assert all(isinstance(outcome, Outcome) for outcome in judge(stated, evidence(0.01)))


def test_arms_of_one_schedule_share_what_was_trained_at_its_learning_rate() -> None:
    found = evidence(0.01)
    arms, runs = found.bench.arms, found.bench.runs
    task = str(runs.task[0])
    own, tuned, alias = str(arms.name[0]), "tuned", "alias"
    twice = arms.where(np.array([*range(len(arms)), 0, 0]))
    names = np.array([*arms.name, tuned, alias], dtype=object)
    searched = runs.where((runs.task == task) & (runs.arm == own) & (runs.phase == "search"))
    other = replace(
        searched,
        key=np.array([f"other-{i}" for i in range(len(searched))], dtype=object),
        arm=np.full(len(searched), tuned, dtype=object),
        learning_rate=np.full(len(searched), 0.5),
        accuracy=np.zeros(len(searched)),
    )
    both = replace(
        runs, **{f: np.concatenate([getattr(runs, f), getattr(other, f)]) for f in vars(runs)}
    )
    table = Bench(found.bench.tasks, replace(twice, name=names), both, {})
    changed = Evidence(table, found.tests, found.claims)
    expected = searched.accuracy[searched.seed < 2].mean()
    assert changed.search_mean(task, alias) == pytest.approx(expected)
    assert changed.search_mean(task, tuned) == 0
