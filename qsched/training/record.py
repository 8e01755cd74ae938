"""What becomes known of a run while it trains, and what its result says."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version

import numpy as np

from qsched import __version__
from qsched.plugins import loaded_plugins
from qsched.specs import CurvePoint, Run, RunResult

__all__ = ["Record", "scored_ends"]

CURVE_POINTS = 10
"""A learning curve has at most so many points."""


@dataclass
class Record:
    """What is known of one run so far; ``together`` lanes trained as one computation."""

    run: Run
    dtype: str
    engine: str = "torch-lanes"
    together: int = 1
    curve: list[CurvePoint] = field(default_factory=list)
    losses: list[np.ndarray] = field(default_factory=list)
    seconds: float = 0.0
    steps: int = 0
    reason: str | None = None
    accuracy: float | None = None
    loss: float | None = None

    def add_point(self, step: int, accuracy: float) -> None:
        loss = float(np.concatenate(self.losses).mean())
        self.curve.append(CurvePoint(step=step, loss=loss, accuracy=accuracy))
        self.losses = []

    def fail(self, what: str, step: int) -> None:
        self.steps = step
        self.reason = f"diverged: the {what} stopped being finite by step {step}"

    def finish(self, accuracy: float, loss: float) -> None:
        if np.isfinite(loss):
            self.accuracy, self.loss = accuracy, loss
        else:
            self.fail("outputs of the hard network", self.steps)

    def result(self) -> RunResult:
        return RunResult(
            key=self.run.key,
            status="failed" if self.reason else "finished",
            accuracy=self.accuracy,
            loss=self.loss,
            curve=tuple(self.curve),
            steps=self.steps,
            seconds=self.seconds,
            reason=self.reason,
            versions={
                **_versions(),
                "engine": self.engine,
                "lanes": str(self.together),
                "dtype": self.dtype.removeprefix("torch."),
                **{f"plugin {name}": sha256 for name, sha256 in loaded_plugins().items()},
            },
        )


def scored_ends(ends: list[int], points: int = CURVE_POINTS) -> set[int]:
    """Return at most ``points`` of the ends, evenly spaced, the last one among them.

    >>> sorted(scored_ends([10, 20, 30, 40, 50], 2))
    [30, 50]
    """
    count = min(points, len(ends))
    return {ends[-(-len(ends) * k // count) - 1] for k in range(1, count + 1)}


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {
        "qsched": __version__,
        "torch": version("torch"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
