"""Does a schedule matter, and what of it? Paired comparisons on the task of a study.

    python benchmarks/findings.py digits-ana --seeds 16

Every line trains two schedules on the same fresh seeds, each at the best of the study's learning
rates (chosen on other seeds, by validation accuracy). Printed are mean paired differences in test
accuracy with 95 % intervals, as a Markdown table. docs/findings.md holds the last one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from qsched.cli.worker import train
from qsched.execution import Local, one_by_one, split
from qsched.schedules import Ana, LearningRate, Power, Schedule, Window
from qsched.schedules.file import load_schedule
from qsched.specs import Run, StudySpec
from qsched.specs.files import load_study
from qsched.study.statistics import paired

STE = 12**-0.5
TUNING, REPORT = range(9_000_000, 9_000_006), range(9_100_000, 9_200_000)


def annealed(
    std: float = STE, backward: float = 1.4 / 3**0.5, floor: float = 1.0, **window: float
) -> Schedule:
    """Return a schedule of linearly annealed forward noise and constant backward noise."""
    ana = Ana(forward_std=std, backward_std=backward, backward_floor=floor)
    return Schedule(
        window=Window(**{"end": 0.7, **window}),
        decay=Power(),
        weights=ana,
        activations=ana,
        learning_rate=LearningRate(initial=0.01),
    )


def named(name: str) -> Schedule:
    """Return a hand-coded schedule."""
    return load_schedule(name).schedule


def questions() -> Iterator[tuple[str, Schedule, Schedule]]:
    """Yield what is asked, and the two schedules whose difference answers it."""
    partition, slope = named("ana-cvpr-partition-homogeneous-static"), 6 / 7
    lower = {"offset_start": slope, "offset_end": slope}
    upper = {"offset_start": -slope, "offset_end": -slope}
    wide = annealed(std=0.0)
    yield "best tied CVPR schedule - static clipped STE", partition, named("ana-ste-static")
    yield "wider static backward noise (.81) - clipped STE (.29)", wide, named("ana-ste-static")
    yield "annealed forward noise - the same, hard", annealed(), wide
    yield "reverse order - lower layers first, tied noise", named("ana-reverse"), partition
    yield (
        "reverse order - lower layers first, constant backward noise",
        annealed(**upper),
        annealed(**lower),
    )
    yield "lower layers first - all together, constant backward", annealed(**lower), annealed()
    yield "noise until the very end - until 70 %", annealed(end=1.0), annealed()


def accuracies(
    executor: Local, spec: StudySpec, schedules: Sequence[Schedule], seeds: Sequence[int], on: str
) -> np.ndarray:
    """Return accuracies of shape [schedules, seeds]."""
    runs = [
        Run(
            task=spec.task,
            schedule=schedule,
            seed=seed,
            evaluate="test" if on == "test" else "validation",
        )
        for schedule in schedules
        for seed in seeds
    ]
    cohorts = split(runs, spec.lanes)
    found = {
        r.key: r.accuracy or 0.0
        for _, results in one_by_one(executor.run(cohorts))
        for r in results
    }
    return np.array([found[run.key] for run in runs]).reshape(len(schedules), len(seeds))


def tuned(executor: Local, spec: StudySpec, schedules: Sequence[Schedule]) -> list[Schedule]:
    """Return the schedules at their best learning rates."""
    rates = [spec.task.optimizer.learning_rate * m for m in spec.budget.learning_rates]
    variants = [
        schedule.model_copy(
            update={"learning_rate": schedule.learning_rate.model_copy(update={"initial": rate})}
        )
        for schedule in schedules
        for rate in rates
    ]
    means = accuracies(executor, spec, variants, TUNING, "validation").mean(axis=1)
    best = means.reshape(len(schedules), len(rates)).argmax(axis=1)
    return [variants[i * len(rates) + int(b)] for i, b in enumerate(best)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    spec, asked = load_study(options.study), list(questions())
    schedules = [schedule for _, a, b in asked for schedule in (a, b)]
    with Local(train, options.workers) as executor:
        scores = accuracies(
            executor, spec, tuned(executor, spec, schedules), REPORT[: options.seeds], "test"
        )
    print(f"| {spec.name}, {options.seeds} seeds | accuracies | difference, 95 % interval | p |")
    print("|---|---|---|---|")
    for i, (question, _, _) in enumerate(asked):
        a, b = 100 * scores[2 * i], 100 * scores[2 * i + 1]
        result = paired(a.tolist(), b.tolist(), 0.95)
        low, high = result.interval
        print(
            f"| {question} | {a.mean():.1f}, {b.mean():.1f} "
            f"| {result.difference:+.1f} [{low:+.1f}, {high:+.1f}] | {result.p_value:.2g} |"
        )


if __name__ == "__main__":
    main()
