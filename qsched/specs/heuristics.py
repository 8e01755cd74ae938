"""Heuristics: what was learned from many studies, as a file that studies and people use."""

from __future__ import annotations

import pathlib
from typing import Annotated, Literal

from pydantic import Field

from qsched.files import load, resolve
from qsched.schedules import Schedule
from qsched.schedules.base import Frozen

__all__ = [
    "Ablation",
    "AblationStep",
    "AlgorithmHeuristics",
    "FormulaSpec",
    "Heuristics",
    "LearnedRule",
    "LearnedSchedule",
    "SeenTask",
    "load_heuristics",
]

Interval = tuple[float, float]


class FormulaSpec(Frozen):
    """A formula of task features; ``text`` is how people write it, ``nodes`` its size.

    See :class:`qsched.learning.analysis.formulas.Formula` for the forms.
    """

    form: Literal["constant", "power", "log", "min", "max", "product"]
    features: tuple[str, ...] = ()
    numbers: tuple[float, ...]
    text: str
    nodes: Annotated[int, Field(ge=1, le=15)]


class LearnedRule(Frozen):
    """One rule.

    Attributes:
        id: short name.
        words: the rule in plain words.
        part: the part of a schedule that it sets.
        formulas: values that depend on the task, by parameter; the others are those of the
            learned default.
        effect: what the part gains over that of the plain schedule, in accuracy, mean over tasks.
        interval: of the effect, 95 %, by bootstrap over tasks and seeds.
        basis: ``measured`` on fresh seeds and data sets left out, or ``predicted`` by surfaces
            fitted to the data.
        tasks: number of tasks behind it.
        failed: tasks on which the effect was negative.
        scope: in which range of each feature it was seen.
        evidence: names of the arms it rests on.
    """

    id: str
    words: str
    part: str
    formulas: dict[str, FormulaSpec] = {}
    effect: float
    interval: Interval
    basis: Literal["measured", "predicted"]
    tasks: int
    failed: tuple[str, ...] = ()
    scope: dict[str, Interval] = {}
    evidence: tuple[str, ...] = ()


class LearnedSchedule(Frozen):
    """A schedule of a portfolio.

    Attributes:
        name: its arm.
        schedule: the schedule; its initial learning rate is a multiple of the task's.
        regret: mean regret of the portfolio up to and with this one (0 best known, 1 best
            hand-coded).
    """

    name: str
    schedule: Schedule
    regret: float


class SeenTask(Frozen):
    """A task that was learned from.

    Attributes:
        name, dataset: its names.
        features: its features.
        gain: what the default learned without this data set gains here over the best hand-coded
            schedule, in test accuracy; None where that was not trained.
        over_static: the same over the tuned static schedule.
        accuracy: what that default reaches on the test set.
    """

    name: str
    dataset: str
    features: dict[str, float]
    gain: float | None = None
    over_static: float | None = None
    accuracy: float | None = None


class AblationStep(Frozen):
    """What one part gained on the way from hand-coded schedules to the learned default.

    Attributes:
        part: what was exchanged.
        effect: what that gained, in test accuracy, mean over all tasks; 0 counts where the two
            ends of the way agree in it.
        interval: of the effect, 95 %, by bootstrap over tasks and seeds.
        tasks: on how many tasks the two ends differ in it.
        lost: on how many of them it lost.
    """

    part: str
    effect: float
    interval: Interval
    tasks: int
    lost: int


class Ablation(Frozen):
    """The way from each task's best hand-coded schedule to the learned default, part by part.

    Every step was trained on fresh seeds, paired, with the default learned without the data set.

    Attributes:
        tasks: number of tasks.
        start, end: mean test accuracy of both ends.
        gain, interval: from the one to the other.
        steps: by what they gain; they add up to ``gain``.
    """

    tasks: int
    start: float
    end: float
    gain: float
    interval: Interval
    steps: tuple[AblationStep, ...]


class AlgorithmHeuristics(Frozen):
    """What was learned for one algorithm.

    Attributes:
        portfolio: schedules in the order in which they are to be tried; the first is the default.
        base: name of the hand-coded schedule that rules change.
        rules: what the learned default changes, part by part, in the order of what that gains.
        tasks: what was learned from.
        reach: distance in features beyond which a task is unlike anything seen.
        ablation: the way from hand-coded schedules to the default; None where it was not trained.
    """

    portfolio: Annotated[tuple[LearnedSchedule, ...], Field(min_length=1)]
    base: str
    rules: tuple[LearnedRule, ...] = ()
    tasks: Annotated[tuple[SeenTask, ...], Field(min_length=1)]
    reach: Annotated[float, Field(ge=0)]
    ablation: Ablation | None = None


class Heuristics(Frozen):
    """Everything that was learned.

    Attributes:
        format: version of the file format.
        about: where it comes from, in a line.
        data: digests of the files it was learned from.
        algorithms: by algorithm, ``ana`` or ``inq``.
    """

    format: Literal["qsched/heuristics/1"] = "qsched/heuristics/1"
    about: str = ""
    data: dict[str, str] = {}
    algorithms: dict[Literal["ana", "inq"], AlgorithmHeuristics] = Field(min_length=1)

    def page(self, most: int = 7) -> dict[str, tuple[LearnedRule, ...]]:
        """Return the rules that belong on a page: those that gain most, of all algorithms.

        Args:
            most: at most so many; rules whose interval reaches 0 are none of them.

        Returns:
            By algorithm, its rules in the order of what they gain.
        """
        rules = [rule for each in self.algorithms.values() for rule in each.rules]
        helpful = [rule for rule in rules if rule.effect > 0 and rule.interval[0] > 0]
        kept = sorted(helpful, key=lambda rule: -rule.effect)[:most]
        return {
            name: tuple(rule for rule in kept if rule in each.rules)
            for name, each in self.algorithms.items()
        }


def load_heuristics(path: str | pathlib.Path | None = None) -> Heuristics:
    """Return heuristics: those shipped with qsched, or of a file that ``qsched learn`` wrote.

    Raises:
        SpecError: the file breaks rules.
        InputError: there is no such file.
    """
    return load(Heuristics, resolve("studies", path if path is not None else "heuristics"))
