"""The suite of codebooks finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from qsched.quantizers.inq import Ternary
from qsched.testing.codebook import CodebookTestCase


class Suite(CodebookTestCase):
    book = None


class OneScaleForAll(Ternary):
    def scale(self, weights: Tensor) -> Tensor:
        return super().scale(weights.reshape(1, -1)).expand(len(weights), 1)


class FixedScale(Ternary):
    def scale(self, weights: Tensor) -> Tensor:
        return torch.ones_like(weights[:, :1])


class Truncates(Ternary):
    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        return super().quantize(torch.where(weights.abs() < scale, 0, weights), scale)


class Continuous(Ternary):
    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        return weights.clamp(-scale, scale)


class LosesNaN(Ternary):
    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        return super().quantize(weights, scale).nan_to_num()


class Single(Ternary):
    def scale(self, weights: Tensor) -> Tensor:
        return super().scale(weights).float()


class Overwrites(Ternary):
    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        return weights.copy_(super().quantize(weights, scale))


@dataclass(frozen=True)
class Claims(Ternary):
    count: int = 4


single, double = (
    partial(Suite().test_shapes_and_type_are_those_of_the_weights, dtype=dtype)
    for dtype in (torch.float32, torch.float64)
)


@pytest.mark.parametrize(
    ("test", "book"),
    [
        (Suite().test_rows_stand_alone_and_strides_do_not_matter, OneScaleForAll()),
        (Suite().test_levels_grow_with_the_weights, FixedScale()),
        (Suite().test_every_weight_goes_to_the_nearest_level, Truncates()),
        (Suite().test_levels_are_fixed_points_and_at_most_as_many_as_stated, Continuous()),
        (Suite().test_rows_of_zeros_and_nan, LosesNaN()),
        (Suite().test_every_level_is_reached, Claims()),
        (double, Single()),
        (single, Overwrites()),
    ],
)
def test_finds(test: Callable[[Any], None], book: Ternary) -> None:
    test(Ternary())
    with pytest.raises(AssertionError):
        test(book)
