"""Selection on fresh seeds, then the report: the test set, opened once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsched.specs import Confirmation
from qsched.study.arms import Arm
from qsched.study.measure import Measure
from qsched.study.racing import Raced
from qsched.study.statistics import interval, paired
from qsched.study.verdict import ArmSummary, Comparison, Contender

__all__ = ["compare", "finalists", "select", "summaries"]


def finalists(entries: Sequence[Raced], count: int) -> list[Arm]:
    """Return the arms of the ``count`` best entries; more seeds come before a higher mean."""
    ranked = sorted(entries, key=lambda entry: (entry.count, entry.mean), reverse=True)
    return [entry.arm for entry in ranked[:count]]


def select(measure: Measure, groups: Sequence[Sequence[Arm]], seeds: int) -> list[Arm]:
    """Return the best arm of each group by mean validation accuracy on fresh seeds.

    All groups are measured together, so that they share cohorts.
    """
    arms = [arm for group in groups for arm in group]
    means = measure("selection", arms, range(seeds)).mean(axis=1)
    chosen, first = [], 0
    for group in groups:
        chosen.append(group[int(means[first : first + len(group)].argmax())])
        first += len(group)
    return chosen


def summaries(
    measure: Measure, contenders: Sequence[tuple[Contender, Arm]], plan: Confirmation
) -> tuple[ArmSummary, ...]:
    """Train the contenders on the report seeds and take their accuracy on the test set."""
    arms = [arm for _, arm in contenders]
    scores = measure("report", arms, range(plan.report_seeds), evaluate="test")
    return tuple(
        ArmSummary(
            contender=contender,
            arm=arm.name,
            schedule=arm.schedule,
            accuracies=tuple(row.tolist()),
            mean=float(row.mean()),
            interval=interval(row.tolist(), plan.level),
        )
        for (contender, arm), row in zip(contenders, np.asarray(scores), strict=True)
    )


def compare(found: ArmSummary, other: ArmSummary, level: float) -> Comparison:
    """Compare the found schedule with another one, paired by report seed."""
    result = paired(found.accuracies, other.accuracies, level)
    return Comparison(
        other=other.contender,
        arm=other.arm,
        difference=result.difference,
        interval=result.interval,
        p_value=result.p_value,
        seeds=result.count,
        significant=result.significant,
    )
