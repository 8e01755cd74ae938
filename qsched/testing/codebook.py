"""What every codebook must do."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest
import torch
from torch import Tensor

from qsched.quantizers import Codebook

__all__ = ["CodebookTestCase", "rows"]


def rows(count: int, n: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return normal weights [count, n]; the magnitudes of the rows span five decades."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-3, 2, count, dtype=dtype)[:, None]
    return torch.randn(count, n, generator=generator, dtype=dtype) * scale


class CodebookTestCase(ABC):
    """A codebook: the nearest of its levels, times a scale that is fitted to each row.

    Override ``book`` with a fixture.
    """

    @abstractmethod
    def book(self) -> Codebook:
        """Return the codebook that is tested."""

    def test_rows_stand_alone_and_strides_do_not_matter(self, book: Codebook) -> None:
        w = rows(3, 50)
        together = book.quantize(w, book.scale(w))
        spread = torch.zeros(50, 6)[:, ::2].t()
        spread.copy_(w)
        assert not spread.is_contiguous()
        torch.testing.assert_close(book.quantize(spread, book.scale(spread)), together)
        for i in range(3):
            row = w[i : i + 1]
            torch.testing.assert_close(book.quantize(row, book.scale(row)), together[i : i + 1])

    def test_levels_are_fixed_points_and_at_most_as_many_as_stated(self, book: Codebook) -> None:
        w = rows(3, 2000)
        scale = book.scale(w)
        quantized = book.quantize(w, scale)
        for row in quantized:
            assert len(set(row.tolist())) <= book.count
        torch.testing.assert_close(book.quantize(quantized, scale), quantized, rtol=0, atol=0)

    def test_every_level_is_reached(self, book: Codebook) -> None:
        w = _grid(book.count)
        quantized = book.quantize(w, torch.ones(1, 1, dtype=w.dtype))
        assert len(set(quantized[0].tolist())) == book.count

    def test_every_weight_goes_to_the_nearest_level(self, book: Codebook) -> None:
        w = _grid(book.count)
        quantized = book.quantize(w, torch.ones(1, 1, dtype=w.dtype))
        levels = set(quantized[0].tolist())
        for weight, level in zip(w[0].tolist(), quantized[0].tolist(), strict=True):
            assert abs(weight - level) <= min(abs(weight - other) for other in levels) + 1e-12

    def test_levels_grow_with_the_weights(self, book: Codebook) -> None:
        w = rows(3, 100)
        scale = book.scale(w)
        assert (scale > 0).all()
        for factor in (2.0**-9, 2.0, 2.0**20):  # powers of two round nothing
            assert torch.equal(book.scale(factor * w), factor * scale)
            grown = book.quantize(factor * w, factor * scale)
            assert torch.equal(grown, factor * book.quantize(w, scale))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_shapes_and_type_are_those_of_the_weights(
        self, book: Codebook, dtype: torch.dtype
    ) -> None:
        w = rows(4, 30, dtype=dtype)
        before = w.clone()
        scale = book.scale(w)
        quantized = book.quantize(w, scale)
        assert (scale.shape, scale.dtype) == ((4, 1), dtype)
        assert (quantized.shape, quantized.dtype) == ((4, 30), dtype)
        assert torch.equal(w, before)

    def test_rows_of_zeros_and_nan(self, book: Codebook) -> None:
        w = torch.stack([torch.zeros(4), torch.tensor([1.0, -0.5, torch.nan, 0.25])])
        quantized = book.quantize(w, torch.tensor([[0.0], [1.0]]))
        assert (quantized[0] == 0).all()
        assert quantized[1].isnan().tolist() == [False, False, True, False]
        assert book.quantize(w[:1], book.scale(w[:1])).tolist() == [[0, 0, 0, 0]]


def _grid(count: int) -> Tensor:
    """Return weights [1, n], dense at all magnitudes, in the range of ``count`` levels."""
    powers = 2.0 ** torch.linspace(-12, 3, 600, dtype=torch.float64)
    even = torch.linspace(-2 * count, 2 * count, 40 * count + 1, dtype=torch.float64)
    return torch.cat([powers, -powers, even])[None]
