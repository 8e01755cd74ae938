"""A controller of the hardening clock: six numbers, found by an evolution strategy on lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from cmaes import CMA

__all__ = ["PARAMETERS", "Controller", "Found", "evolve", "linear", "replay"]

PARAMETERS = ("bias", "improvement", "saturated", "flips", "gap", "progress")

TOP_SPEED = 4.0
"""Speed that no controller exceeds: a whole annealing in a quarter of training."""

SPREAD = 0.7
"""Standard deviation with which the evolution strategy begins, in every parameter."""


@dataclass(frozen=True)
class Controller:
    r"""How fast the hardening clock runs, given what training showed in the last epoch.

    .. math:: v = 4\,s(a_0 + a_1\,improvement + a_2\,saturated + a_3\,flips + a_4\,gap + a_5\,u)

    with :math:`s(x) = 1 / (1 + e^{-x})` and the signals of
    :data:`qsched.training.closed_loop.SIGNALS`. A clock of constant speed 1 anneals over the whole
    of training.

    Attributes:
        parameters: the six a, in the order of :data:`PARAMETERS`.

    >>> constant = Controller((0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    >>> constant(np.zeros((2, 4)), 0.5).tolist()
    [2.0, 2.0]
    """

    parameters: tuple[float, ...]

    def __call__(self, signals: np.ndarray, u: float) -> np.ndarray:
        """Return the speeds of lanes, [K], from their signals, [K, 4], at progress ``u``."""
        bias, *gains, progress = self.parameters
        drive = bias + signals @ np.array(gains) + progress * u
        speed: np.ndarray = TOP_SPEED / (1 + np.exp(-np.clip(drive, -30, 30)))
        return speed


def replay(clocks: np.ndarray) -> Callable[[np.ndarray, float], np.ndarray]:
    """Return a rule that repeats a trajectory, whatever training shows.

    Args:
        clocks: times at the end of every epoch, [E]: mostly the mean of a controller's own.

    >>> rule = replay(np.array([0.5, 0.5, 1.0, 1.0]))
    >>> [float(rule(np.zeros((1, 4)), u)[0]) for u in (0.0, 0.25, 0.5, 0.75)]
    [2.0, 0.0, 2.0, 0.0]
    """
    speeds = np.diff(clocks, prepend=0.0) * len(clocks)

    def rule(signals: np.ndarray, u: float) -> np.ndarray:
        return np.full(len(signals), speeds[min(int(u * len(speeds) + 1e-9), len(speeds) - 1)])

    return rule


def linear(end: float) -> Callable[[np.ndarray, float], np.ndarray]:
    """Return the rule of a clock that shows 1 at progress ``end`` and runs evenly."""
    return lambda signals, u: np.full(len(signals), 1 / end)


@dataclass(frozen=True)
class Found:
    """What an evolution strategy found.

    Attributes:
        controller: the mean of the last generation's distribution.
        scores: mean score of every generation.
    """

    controller: Controller
    scores: tuple[float, ...]


def evolve(
    score: Callable[[Sequence[Controller], int], np.ndarray],
    generations: int,
    population: int = 16,
    seed: int = 0,
) -> Found:
    """Find a controller with CMA-ES.

    Args:
        score: of some controllers in a generation, the higher the better; all of a generation are
            to share their seeds.
        generations: how many.
        population: controllers of a generation.
        seed: of the search.

    Reference:
        Hansen, The CMA evolution strategy: a tutorial, 2016, arXiv 1604.00772.
    """
    search = CMA(
        mean=np.zeros(len(PARAMETERS)), sigma=SPREAD, population_size=population, seed=seed
    )
    means = []
    for generation in range(generations):
        asked = [search.ask() for _ in range(population)]
        scores = score([Controller(tuple(map(float, x))) for x in asked], generation)
        search.tell([(x, -float(s)) for x, s in zip(asked, scores, strict=True)])
        means.append(float(scores.mean()))
    return Found(Controller(tuple(map(float, search.mean))), tuple(means))
