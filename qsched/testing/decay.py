"""What every decay shape must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from pydantic import TypeAdapter

from qsched.schedules import Decay

__all__ = ["DecayTestCase", "Formula"]

Formula = Callable[[float, float], float]
"""h(x, d) of one progress and one depth, in plain arithmetic."""

DEPTHS = tuple(np.asarray(d) for d in (0.0, 0.25, 0.6, 1.0))


class DecayTestCase(ABC):
    """A decay shape: h(x, d) from 0 to 1, without falling, and 1 - h.

    Override ``shape`` and ``formula`` with fixtures.
    """

    @abstractmethod
    def shape(self) -> Decay:
        """Return the shape that is tested."""

    @abstractmethod
    def formula(self) -> Formula:
        """Return its h(x, d), written down independently."""

    def test_closed_form(self, shape: Decay, formula: Formula) -> None:
        x = np.linspace(0, 1, 241)
        for depth in DEPTHS:
            expected = [formula(float(v), float(depth)) for v in x]
            np.testing.assert_allclose(shape(x, depth), expected, rtol=0, atol=1e-12)

    def test_runs_from_0_to_1_without_falling(self, shape: Decay) -> None:
        x = np.linspace(0, 1, 201)
        for depth in DEPTHS:
            h = shape(x, depth)
            assert h[0] == 0
            assert h[-1] == 1
            assert np.all(np.diff(h) >= -1e-15)
            assert np.all((h >= 0) & (h <= 1))

    def test_rest_is_the_complement(self, shape: Decay) -> None:
        x = np.linspace(0, 1, 101)
        for depth in DEPTHS:
            rest = shape.rest(x, depth)
            assert rest[-1] == 0
            np.testing.assert_allclose(rest, 1 - shape(x, depth), rtol=0, atol=1e-13)

    def test_progress_and_depth_go_elementwise(self, shape: Decay) -> None:
        x, depth = (v.ravel() for v in np.meshgrid(np.linspace(0, 1, 29), np.linspace(0, 1, 5)))
        for function in (shape, shape.rest):
            alone = [
                float(function(np.asarray(v), np.asarray(d)))
                for v, d in zip(x, depth, strict=True)
            ]
            np.testing.assert_allclose(function(x, depth), alone, rtol=1e-13, atol=1e-15)

    def test_a_schedule_file_can_hold_it(self, shape: Decay) -> None:
        read = TypeAdapter[Decay](Decay).validate_json(shape.model_dump_json())
        assert type(read) is type(shape)
        assert read == shape
