"""Populations: schedules that are changed while they train, by whoever trains best.

A member of a population trains in segments. In each it hardens by some rise and has some learning
rate; at its end the members that are behind take over what a leading one has become, and go on
with rises and rates of their own (population based training, Jaderberg et al., 2017, arXiv
1711.09846). What a member has become is its lineage, and a lineage is an ordinary schedule.

A training's randomness follows from its seed and its step alone. As all members have one seed,
going on from another one's state is bit for bit the training of the spliced schedule from scratch;
so a member's state is its lineage, which is trained from the start at every segment's end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, Self, runtime_checkable

from pydantic import Field

from qsched.schedules import Drop, Knots, Lag, LearningRate, Schedule, Window
from qsched.schedules.base import Frozen
from qsched.specs import Run, RunResult, TaskSpec

__all__ = ["Evolved", "Evolving", "Lineage", "Member", "Population", "Tell"]

_DIGITS = 4

Tell = Callable[[str], None]
"""Is told in words how far a population is."""


class Lineage(Frozen):
    """What a member has become.

    Attributes:
        base: what it does not change: methods, families and widths of the noise.
        hardening: h at the ends of its segments so far, not decreasing.
        rates: its learning rates in them.
        accuracy: on the validation set at the end of the last one; 0 if it diverged.
    """

    base: Schedule
    hardening: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    accuracy: float = 0.0

    def grown(self, rise: float, rate: float) -> Self:
        """Return it with one more segment, in which h grows by ``rise``, at most to 1."""
        before = self.hardening[-1] if self.hardening else 0.0
        h = round(min(1.0, before + rise), _DIGITS)
        rate = float(f"{rate:.{_DIGITS}g}")
        return self.model_copy(
            update={"hardening": (*self.hardening, h), "rates": (*self.rates, rate)}
        )

    def schedule(self, segments: int) -> Schedule:
        """Return it as a schedule of so many segments; those to come are like the last one.

        In them h does not grow, but it is 1 at the end of every schedule.
        """
        left = segments - len(self.rates)
        hardening = (*self.hardening, *self.hardening[-1:] * left)
        rates = (*self.rates, *self.rates[-1:] * left)
        drops = tuple(
            Drop(at=k / segments, factor=rates[k] / rates[k - 1])
            for k in range(1, segments)
            if rates[k] != rates[k - 1]
        )
        return Schedule(
            window=Window(start=0.0, end=1.0),
            decay=Knots(values=hardening[:-1]),
            lag=Lag(),
            weights=self.base.weights,
            activations=self.base.activations,
            learning_rate=LearningRate(initial=rates[0], decay="drops", drops=drops),
            overrides=tuple(each for each in self.base.overrides if each.exclude),
        )


@dataclass(frozen=True)
class Member:
    """How a member begins.

    Attributes:
        base: what it does not change; see :class:`Lineage`.
        rise: by how much h grows in its first segment.
        rate: its first learning rate.
    """

    base: Schedule
    rise: float
    rate: float


@dataclass(frozen=True)
class Population:
    """Members that train together.

    Attributes:
        task: what they train on.
        seed: of all their trainings.
        segments: how many each has, at least 2; every one holds a point of the learning curve.
        members: how they begin.
        rises: range in which rises are drawn anew.
        rates: range in which learning rates are drawn anew; one rate only is kept.
        stream: names the random numbers of all decisions.
        deadline: seconds after which it is given up.
    """

    task: TaskSpec
    seed: int
    segments: int
    members: tuple[Member, ...]
    rises: tuple[float, float]
    rates: tuple[float, float]
    stream: tuple[int, ...]
    deadline: float

    def run(self, lineage: Lineage) -> Run:
        """Return the training of a lineage."""
        return Run(task=self.task, schedule=lineage.schedule(self.segments), seed=self.seed)

    def accuracy(self, lineage: Lineage, result: RunResult) -> float:
        """Return what its training says of a lineage: of the last point inside its segments.

        What comes after that point has no influence on it.
        """
        if result.status == "failed":
            return 0.0
        end = result.steps * len(lineage.rates)
        seen = [point for point in result.curve if point.step * self.segments <= end]
        return seen[-1].accuracy


@dataclass(frozen=True)
class Evolved:
    """What became of a population.

    Attributes:
        lineages: of its members, in their order.
        trainings: how many runs were trained for it.
        seconds: what these took, in all.
    """

    lineages: tuple[Lineage, ...]
    trainings: int
    seconds: float


@runtime_checkable
class Evolving(Protocol):
    """An executor that trains populations."""

    def evolve(self, population: Population, tell: Tell) -> Evolved:
        """Train a population.

        Raises:
            TrainingError: a member could not be trained, or the deadline has passed.
        """
        ...
