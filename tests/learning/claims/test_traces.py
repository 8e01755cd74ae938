"""Stored searches: what was tried is neither trained nor asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qsched.execution import Inline
from qsched.learning import load_bench
from qsched.learning.bench.export import export_bench
from qsched.learning.bench.generate import Generator
from qsched.learning.bench.plans import BenchArm
from qsched.learning.bench.restore import restore
from qsched.learning.bench.tasks import chosen
from qsched.learning.claims.traces import COLD, SEEDS, WARM, hand_coded_best, trace
from qsched.spaces import Value, load_space
from qsched.specs import CurvePoint, Run, RunResult
from qsched.storage import Storage
from tests.learning.bench.test_generate import BENCH, NAMES, Trainer, plans
from tests.study import surrogate

pytest.importorskip("pyarrow")

IMAGES = 70
"""With so few, means of two seeds are often equal, and no longer once each has six digits."""
TASK = chosen(BENCH, NAMES[:1])[0]


class Coarse(Trainer):
    """Counts what it trains; accuracies are shares of a few images."""

    def _result(self, run: Run) -> RunResult:
        exact = surrogate.true_accuracy(run.schedule) + 0.03 * surrogate.noise(run.key)
        seen = round(exact * IMAGES) / IMAGES
        curve = tuple(CurvePoint(step=s, loss=1.0, accuracy=seen) for s in range(60, 301, 60))
        return RunResult(
            key=run.key,
            status="finished",
            accuracy=seen,
            loss=1.0,
            curve=curve,
            steps=300,
            seconds=0.01,
            versions={"qsched": "0"},
        )


def search(
    storage: Storage,
    trials: int,
    start: Sequence[dict[str, Value]] = (),
    target: float = 2.0,
) -> tuple[list[BenchArm], int]:
    """Return what a search tried, and how many runs it trained."""
    trainer = Coarse()
    generator = Generator(BENCH, storage, Inline(trainer), lambda *_: None)
    arms = trace(
        BENCH,
        storage,
        generator,
        TASK,
        "ana",
        start=[dict(point) for point in start],
        repeat=0,
        trials=trials,
        target=target,
    )
    return arms, len(trainer.runs)


def portfolio() -> list[dict[str, Value]]:
    space, rng = load_space("ana"), np.random.default_rng(0)
    return [space.random(rng) for _ in range(4)]


BOTH = pytest.mark.parametrize("start", [[], portfolio()], ids=["cold", "warm"])


@BOTH
def test_an_interrupted_search_goes_on_as_it_would_have(
    tmp_path: Path, start: list[dict[str, Value]]
) -> None:
    with Storage.open(f"sqlite:///{tmp_path}/whole.db") as storage:
        whole, trained = search(storage, 48, start)
    with Storage.open(f"sqlite:///{tmp_path}/parts.db") as storage:
        _, first = search(storage, 24, start)
        resumed, then = search(storage, 48, start)
    assert [arm.schedule for arm in resumed] == [arm.schedule for arm in whole]
    assert (first, first + then) == (24 * SEEDS, trained)
    assert {arm.kind for arm in whole} == {WARM if start else COLD}
    assert [arm.index for arm in whole] == list(range(48))


@BOTH
def test_a_search_goes_on_from_exported_files_with_what_was_tried(
    tmp_path: Path, start: list[dict[str, Value]]
) -> None:
    """Exported accuracies are rounded, so that equal means may no longer be equal."""
    with Storage.open(f"sqlite:///{tmp_path}/first.db") as storage:
        before, _ = search(storage, 64, start)
        export_bench(BENCH, storage, tmp_path / "files")
    with Storage.open(f"sqlite:///{tmp_path}/second.db") as storage:
        restore(BENCH, storage, tmp_path / "files")
        after, trained = search(storage, 72, start)
    assert [arm.schedule for arm in after[:64]] == [arm.schedule for arm in before]
    assert trained == 8 * SEEDS


def test_a_search_ends_with_the_batch_that_reaches_its_target(tmp_path: Path) -> None:
    with Storage.open(f"sqlite:///{tmp_path}/bench.db") as storage:
        every, _ = search(storage, 64)
        scores: dict[str, list[float]] = {}
        for row in storage.runs(TASK.name, "search"):
            scores.setdefault(row.arm, []).append(row.result.accuracy or 0.0)
        means = [float(np.mean(scores[arm.name])) for arm in every]
        target = max(means)
        reached, _ = search(storage, 64, target=target)
    assert len(reached) == (means.index(target) // 8 + 1) * 8


def test_the_rivals_of_a_search_are_hand_coded_or_static(tmp_path: Path) -> None:

    chosen_plans = [p for p in plans(design=4) if p.arm.algorithm == "ana"]
    with Storage.open(f"sqlite:///{tmp_path}/bench.db") as storage:
        generator = Generator(BENCH, storage, Inline(Coarse()), lambda *_: None)
        generator.train(TASK, chosen_plans)
        export_bench(BENCH, storage, tmp_path / "files")
        rows = storage.runs(TASK.name, "search")
    rivals = {p.arm.name for p in chosen_plans if p.arm.kind in ("hand-coded", "static")}
    means: dict[tuple[str, float], list[float]] = {}
    for row in rows:
        if row.arm in rivals and row.run.length == 1:
            rate = row.run.schedule.learning_rate.initial
            means.setdefault((row.arm, rate), []).append(row.result.accuracy or 0.0)
    best = max(float(np.mean(values)) for values in means.values())
    found = hand_coded_best(load_bench(tmp_path / "files"), "ana")
    assert found[TASK.name] == pytest.approx(best, abs=1e-6)
