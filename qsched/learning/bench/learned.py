"""Arms learned without a data set: chosen on more seeds, then tested on the data set left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qsched.learning.bench.data import Bench
from qsched.learning.bench.plans import BenchArm, Plan
from qsched.learning.bench.refined import Cell, counted, scores_without
from qsched.learning.bench.tasks import BenchSpec
from qsched.schedules import Ana, Inq, Lag, LearningRate, Schedule
from qsched.specs import digest

__all__ = ["ana_from_inq", "confirm_plans", "inq_from_ana", "select_plans", "transfer_plans"]

SELECTED, SELECT_SEEDS = 12, 6
CONFIRMED, CONFIRM_SEEDS = 3, 12
TRANSFERRED, TRANSFER_SEEDS = 2, 12

STD = 12**-0.5


@dataclass(frozen=True)
class Fold:
    """One algorithm without one data set.

    Attributes:
        algorithm: of the arms.
        left_out: the data set.
        cells: arms and learning rates, the best first.
        inside: tasks they were scored on.
        outside: tasks of the data set left out.
    """

    algorithm: str
    left_out: str
    cells: list[Cell]
    inside: tuple[str, ...]
    outside: tuple[str, ...]


def select_plans(bench: Bench, spec: BenchSpec) -> list[Plan]:
    """Return plans that train the best arms of every fold on more seeds of the search."""
    return [
        Plan(_arm(bench, arm), (rate,), SELECT_SEEDS, 0, tasks=fold.inside)
        for fold in _folds(bench, spec)
        for arm, rate in fold.cells[:SELECTED]
    ]


def confirm_plans(bench: Bench, spec: BenchSpec, lengths: tuple[float, ...]) -> list[Plan]:
    """Return plans that report the best arms of every fold on the data set left out.

    Their learning rates are those that were best elsewhere: nothing is tuned there.
    """
    return [
        Plan(_arm(bench, arm), (rate,), 0, CONFIRM_SEEDS, lengths, tasks=fold.outside)
        for fold in _folds(bench, spec, SELECT_SEEDS)
        for arm, rate in fold.cells[:CONFIRMED]
    ]


def transfer_plans(bench: Bench, spec: BenchSpec) -> list[Plan]:
    """Return plans in which the curves learned with one algorithm steer the other.

    Only the learning rate is tuned anew, as it is for hand-coded schedules.
    """
    plans = []
    for fold in _folds(bench, spec, SELECT_SEEDS):
        curves = (bench.arms.arm(arm) for arm, _ in fold.cells)
        acting = [curve for curve in curves if _acts(curve)]
        for curve in acting[:TRANSFERRED]:
            arm = _transferred(curve, fold)
            plans.append(Plan(arm, spec.rates, 2, TRANSFER_SEEDS, tasks=fold.outside))
    return plans


def inq_from_ana(schedule: Schedule) -> Schedule:
    """Return incremental quantization by the curve of an annealed schedule.

    Windows and decay shape stay; the largest weights are frozen first. Activations keep family and
    initial width of their backward noise, without end.
    """
    noise = schedule.activations
    width = noise.backward_std if noise is not None else STD
    family = noise.family if noise is not None else "uniform"
    return schedule.model_copy(
        update={
            "lag": Lag(),
            "weights": Inq(partition="magnitude"),
            "activations": _static(width).model_copy(update={"family": family}),
        }
    )


def ana_from_inq(schedule: Schedule) -> Schedule:
    """Return noise annealing by the curve of an incremental schedule.

    Windows and decay shape stay. Forward noise has half-width 1/2 quantum; backward noise that of
    the activations, without end. The learning rate falls once, since nothing restarts.
    """
    activations = schedule.activations
    width = activations.backward_std if activations is not None else STD
    noise = _static(width).model_copy(update={"forward_std": STD})
    rate = LearningRate(initial=schedule.learning_rate.initial)
    return schedule.model_copy(
        update={"weights": noise, "activations": noise, "learning_rate": rate}
    )


def _folds(bench: Bench, spec: BenchSpec, seeds: int = 1) -> Iterator[Fold]:
    """Yield every fold; of arms of so many seeds alone, so that no lucky one of few is chosen."""
    for left_out in sorted(set(bench.tasks.dataset)):
        outside = tuple(bench.tasks.name[bench.tasks.dataset == left_out])
        for algorithm in spec.spaces:
            scores = scores_without(bench, algorithm, left_out, seeds)
            ranked = sorted(scores, key=lambda cell: -scores[cell])
            inside = tuple(counted(bench, left_out))
            yield Fold(algorithm, left_out, ranked, inside, outside)


def _acts(schedule: Schedule) -> bool:
    """Return whether the curve of a schedule changes anything."""
    method = schedule.weights
    if isinstance(method, Ana):
        return method.forward_std > 0 or method.backward_floor < 1
    return isinstance(method, Inq)


def _static(width: float) -> Ana:
    return Ana(forward_std=0.0, backward_std=width, backward_floor=1.0)


def _transferred(schedule: Schedule, fold: Fold) -> BenchArm:
    to = "inq" if fold.algorithm == "ana" else "ana"
    made = inq_from_ana(schedule) if to == "inq" else ana_from_inq(schedule)
    name = f"transfer-{fold.algorithm}-to-{to}-{digest(made)[:8]}"
    return BenchArm(name, to, "transfer", made, left_out=fold.left_out)


def _arm(bench: Bench, name: str) -> BenchArm:
    return BenchArm.known(bench.arms, name, bench.arms.arm(name))
