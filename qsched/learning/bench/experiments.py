"""Arms of SchedBench's experiments: which part of a schedule matters, and for how many steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from qsched.errors import UnknownNameError
from qsched.learning.bench.data import Bench
from qsched.learning.bench.family import family_plans
from qsched.learning.bench.learned import confirm_plans, select_plans, transfer_plans
from qsched.learning.bench.plans import BenchArm, Plan, bench_plans
from qsched.learning.bench.tasks import BenchSpec
from qsched.schedules import Ana, Inq, LearningRate, Power, Schedule, Steps, Window

__all__ = ["EXPERIMENTS", "experiment_plans"]

STD = 12**-0.5
"""Standard deviation of the noise of half-width 1/2: the published amplitude."""

LAST = 6 / 7
"""Offset at which seven layers follow one another, as in the published schedules."""

OFFSETS = {
    "overlapped": (0.0, 0.0),
    "same-start": (0.0, LAST),
    "same-end": (-LAST, 0.0),
    "partition": (LAST, LAST),
    "reverse": (-LAST, -LAST),
}
"""Synchronization: offsets of opening and closing."""

FAMILIES = ("uniform", "normal", "logistic")
FORWARDS = ("expectation", "mode", "random")
NOISES = {"tied": 0.0, "live": 1.0}
"""Share of the backward noise that stays."""

PARTITIONS = ("magnitude", "random", "smallest", "error")

SHORT = (1 / 2, 1 / 3)
"""Lengths of the budget experiment."""


def experiment_plans(name: str, bench: BenchSpec, known: Callable[[], Bench]) -> list[Plan]:
    """Return the plans of an experiment.

    - ``factorial``: synchronization x noise family x forward strategy, once with backward noise
      that dies with the forward noise (tied), once with constant one (live); for incremental
      quantization, synchronization x partition.
    - ``budget``: hand-coded and static arms rescaled to a half and a third of the steps, their
      learning rates tuned anew.
    - ``family``: every hand-coded annealing schedule with its end, exponents and learning rate
      searched, as widely as the design is.
    - ``select``: the best arms without each data set, on more seeds of the search.
    - ``confirm``: the best of them on the data set left out, at its full, half and third length.
    - ``transfer``: likewise, but the curves learned with one algorithm steer the other.

    Args:
        name: of the experiment.
        bench: what SchedBench trains.
        known: returns what is stored, from which the last three choose.

    Raises:
        UnknownNameError: there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise UnknownNameError("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name](bench, known)


def _factorial(bench: BenchSpec, known: Callable[[], Bench]) -> list[Plan]:
    arms = [
        *(_annealed(*cell) for cell in product(OFFSETS, FAMILIES, NOISES, FORWARDS)),
        *(_incremental(*cell) for cell in product(OFFSETS, PARTITIONS)),
    ]
    return [Plan(arm, bench.rates, 1, 8) for arm in arms]


def _budget(bench: BenchSpec, known: Callable[[], Bench]) -> list[Plan]:
    return [
        Plan(plan.arm, plan.rates, 2, plan.report_seeds, SHORT, plan.group)
        for plan in bench_plans(bench, 1, 2, 12)
        if plan.arm.kind != "design"
    ]


EXPERIMENTS: dict[str, Callable[[BenchSpec, Callable[[], Bench]], list[Plan]]] = {
    "factorial": _factorial,
    "budget": _budget,
    "family": lambda bench, known: family_plans(bench),
    "select": lambda bench, known: select_plans(known(), bench),
    "confirm": lambda bench, known: confirm_plans(known(), bench, (1.0, *SHORT)),
    "transfer": lambda bench, known: transfer_plans(known(), bench),
}


def _annealed(order: str, family: str, noise: str, forward: str) -> BenchArm:
    method = Ana.model_validate(
        {
            "family": family,
            "forward": forward,
            "forward_std": STD,
            "backward_std": STD,
            "backward_floor": NOISES[noise],
        }
    )
    schedule = Schedule(
        window=_window(order, start=0.0, end=0.7),
        decay=Power(exponent=1.0),
        weights=method,
        activations=method,
        learning_rate=LearningRate(initial=0.01),
    )
    name = f"factorial-ana-{order}-{family}-{noise}-{forward}"
    return BenchArm(name, "ana", "factorial", schedule)


def _incremental(order: str, partition: str) -> BenchArm:
    schedule = Schedule(
        window=_window(order, start=0.15, end=0.75),
        decay=Steps(fractions=(0.5, 0.75, 0.875, 1.0)),
        weights=Inq.model_validate({"partition": partition}),
        activations=Ana(forward_std=0.0, backward_std=STD, backward_floor=1.0),
        learning_rate=LearningRate(initial=0.01),
    )
    return BenchArm(f"factorial-inq-{order}-{partition}", "inq", "factorial", schedule)


def _window(order: str, start: float, end: float) -> Window:
    opening, closing = OFFSETS[order]
    return Window(start=start, end=end, offset_start=opening, offset_end=closing)
