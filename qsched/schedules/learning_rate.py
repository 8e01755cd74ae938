"""The learning-rate recipe that belongs to a schedule."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.schedules.base import SLACK, Frozen

__all__ = ["Drop", "LearningRate"]


class Drop(Frozen):
    """Multiply the learning rate by ``factor`` from progress ``at`` on.

    Attributes:
        at: progress, in [0, 1].
        factor: > 0.

    >>> Drop(at=0.8, factor=0.1)
    Drop(at=0.8, factor=0.1)
    """

    at: Annotated[float, Field(ge=0, le=1)]
    factor: Annotated[float, Field(gt=0)]


class LearningRate(Frozen):
    r"""Initial learning rate and its course over training.

    .. math:: rate(u) = initial \cdot \prod_{drops: at \le v} factor, \quad
        \text{or} \quad initial\,(1 + \cos \pi v) / 2

    where v is the progress u, or with ``restart`` the progress through the stage at hand: from one
    rise of a stepped schedule to the next. Zhou et al. (ICLR 2017) restart at every stage.

    Attributes:
        initial: the learning rate at the start.
        decay: ``constant``, ``drops`` (piecewise constant), or ``cosine`` (to 0).
        drops: for ``drops``: at which progress to multiply by which factor.
        restart: let the course run anew within each stage of a stepped schedule (INQ).

    Raises:
        ValidationError: the rate or a factor is not > 0, or drops are not in their order.

    >>> rate = LearningRate(initial=0.1, drops=(Drop(at=0.5, factor=0.1),), restart=True)
    >>> rate.at(np.array([0.2, 0.4, 0.6, 0.9]), stages=np.array([0.5])).round(6).tolist()
    [0.1, 0.01, 0.1, 0.01]
    """

    initial: Annotated[float, Field(gt=0)]
    decay: Literal["constant", "drops", "cosine"] = "drops"
    drops: tuple[Drop, ...] = (Drop(at=0.8, factor=0.1),)
    restart: bool = False

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        if np.any(np.diff([drop.at for drop in self.drops]) <= 0):
            raise ValueError("drops must be listed in the order of `at`, each later than the last")
        return self

    def at(self, u: np.ndarray, stages: np.ndarray) -> np.ndarray:
        """Return the learning rate at progress ``u``.

        Args:
            u: progress, in [0, 1], of any shape.
            stages: progress at which stages begin, increasing; used with ``restart`` only.

        Returns:
            Array of the shape of ``u``; > 0 but for the end of a cosine. A drop holds at its
            progress already.
        """
        course = np.asarray(u, dtype=float)
        if self.restart:
            edges = _edges(stages)
            stage = np.searchsorted(edges, course + SLACK, side="right") - 1
            stage = np.clip(stage, 0, edges.size - 2)
            course = np.clip((course - edges[stage]) / (edges[stage + 1] - edges[stage]), 0, 1)
        return self.initial * self._factor(course)

    def breaks(self, stages: np.ndarray) -> tuple[float, ...]:
        """Return the progress at which the learning rate may jump or bend, increasing."""
        inner = np.array([drop.at for drop in self.drops] if self.decay == "drops" else [])
        edges = _edges(stages) if self.restart else np.array([0.0, 1.0])
        inside = edges[:-1, None] + np.diff(edges)[:, None] * inner
        return tuple(np.unique(np.concatenate((edges, inside.ravel()))).tolist())

    def _factor(self, u: np.ndarray) -> np.ndarray:
        if self.decay == "cosine":
            factor: np.ndarray = (1 + np.cos(np.pi * u)) / 2
            return factor
        factor = np.ones_like(u)
        if self.decay == "drops":
            for drop in self.drops:
                factor = np.where(u >= drop.at - SLACK, factor * drop.factor, factor)
        return factor


def _edges(stages: np.ndarray) -> np.ndarray:
    """Return the ends of all stages, from 0 to 1."""
    return np.unique(np.concatenate(([0.0], stages, [1.0])))
