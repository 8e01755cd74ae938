"""Training what the claims are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from qsched.errors import DataError
from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.defaults import learn_portfolio
from qsched.learning.analysis.variants import merged
from qsched.learning.bench.data import Arms, Bench, load_bench, save_bench
from qsched.learning.bench.export import export_bench
from qsched.learning.bench.generate import Generator
from qsched.learning.bench.plans import BenchArm, Plan, arms_table
from qsched.learning.bench.tasks import BenchSpec, BenchTask, chosen
from qsched.learning.claims.ablation import ablation_plans, defaults_without
from qsched.learning.claims.claims import Claims
from qsched.learning.claims.confirm import PORTFOLIO, confirmation_plans
from qsched.learning.claims.evidence import Evidence
from qsched.learning.claims.traces import REPEATS, hand_coded_best, trace
from qsched.spaces import Value, load_space
from qsched.storage import Storage

__all__ = ["FAST", "export_confirmed", "train_ablation", "train_confirmation", "train_traces"]

FAST = ("*-mlp*-short",)
"""Tasks on which whole searches are trained: the others would take hours."""

_COLD, _WARM = 96, 40


def train_confirmation(
    bench: Bench, spec: BenchSpec, claims: Claims, generator: Generator, patterns: Sequence[str]
) -> list[BenchArm]:
    """Train all learned arms on the data sets left out, and return them.

    Args:
        bench: what was trained to learn from.
        spec: what SchedBench trains.
        claims: how many seeds.
        generator: trains, and skips what is stored.
        patterns: of tasks; none is all.
    """
    plans = confirmation_plans(bench, spec, claims.seeds)
    for task in _tasks(bench, spec, patterns):
        if not generator.train(task, _of(plans, task)):
            break
    return [plan.arm for plan in plans]


def train_ablation(
    evidence: Evidence,
    bench: Bench,
    spec: BenchSpec,
    generator: Generator,
    patterns: Sequence[str],
) -> list[BenchArm]:
    """Train the ways from hand-coded schedules to the learned default, and return their arms.

    See :func:`train_confirmation`; ``evidence`` tells which hand-coded schedules are the best.
    """
    arms, goals = [], defaults_without(bench)
    for task in _tasks(bench, spec, patterns):
        plans = ablation_plans(evidence, bench, spec, goals, task.name)
        arms += [plan.arm for plan in plans]
        if not generator.train(task, plans):
            break
    return arms


def train_traces(
    bench: Bench,
    spec: BenchSpec,
    storage: Storage,
    generator: Generator,
    patterns: Sequence[str],
) -> list[BenchArm]:
    """Train cold and warm searches with noise annealing on the fast tasks; return what was tried.

    See :func:`train_confirmation`.
    """
    targets = hand_coded_best(bench, "ana")
    starts = {
        dataset: _points(bench, spec, "ana", dataset)
        for dataset in sorted(set(map(str, bench.tasks.dataset)))
    }
    return [
        arm
        for task in _tasks(bench, spec, patterns or FAST)
        for repeat in range(REPEATS)
        for start, trials in (((), _COLD), (starts[task.data.name], _WARM))
        for arm in trace(
            spec,
            storage,
            generator,
            task,
            "ana",
            start=start,
            repeat=repeat,
            trials=trials,
            target=targets[task.name],
        )
    ]


def export_confirmed(
    spec: BenchSpec, storage: Storage, folder: Path, arms: Sequence[BenchArm]
) -> None:
    """Write what was trained, with all ``arms``: one whose runs another one has is named, too.

    So are the arms that the folder names already.
    """
    before = _named(folder)
    export_bench(spec, storage, folder)
    made = load_bench(folder)
    # What is named comes first: the learning rates of its schedules are those that were learned.
    made_now = arms_table({arm.name: arm for arm in arms}.values()) if arms else None
    named = [each for each in (made_now, before) if each is not None]
    made = merged([*(Bench(made.tasks, each, made.runs, made.about) for each in named), made])
    save_bench(made, folder)
    page = _PAGE.format(runs=len(made.runs), tasks=len(made.tasks), arms=len(made.arms))
    (folder / "README.md").write_text(page, encoding="utf-8")


def _named(folder: Path) -> Arms | None:
    try:
        return load_bench(folder).arms
    except DataError:
        return None


_PAGE = """# Runs that test the claims

{runs:,} trainings by {arms:,} schedules on {tasks} tasks: schedules and rules learned without the
data set that they are tested on, rules with one left out, searches from scratch and from a
portfolio, and the way from hand-coded schedules to learned ones, one part at a time. Made by
`qsched claims --run`, read by `qsched claims` and `qsched learn`; same files and columns as in the
folder above. Claims and tests are described in `docs/learning.md`.
"""


def _points(
    bench: Bench, spec: BenchSpec, algorithm: Algorithm, dataset: str
) -> list[dict[str, Value]]:
    space = load_space(spec.spaces[algorithm])
    learned = learn_portfolio(bench, algorithm, PORTFOLIO, dataset)
    points = [space.encode(each.schedule) for each in learned]
    return [point for point in points if point is not None]


def _tasks(bench: Bench, spec: BenchSpec, patterns: Sequence[str]) -> list[BenchTask]:
    known = set(map(str, bench.tasks.name))
    return [task for task in chosen(spec, patterns) if task.name in known]


def _of(plans: Sequence[Plan], task: BenchTask) -> list[Plan]:
    return [p for p in plans if any(fnmatchcase(task.name, pattern) for pattern in p.tasks)]
