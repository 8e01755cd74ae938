"""Tiles: rows of some vectors that stay in registers while products are added to them."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from qsched.native.compiler import compiled
from qsched.native.simd.dense import address, load_vector, vector_address
from qsched.native.simd.vector import AVX512, INT64, Vector, broadcast, call, generated, llvm_type

__all__ = [
    "ROWS",
    "VECTORS",
    "add_products",
    "equal_steps",
    "load_tile",
    "store_tile",
    "table_steps",
    "tile_rows",
    "zero_tile",
]

ROWS, VECTORS = (8, 2) if AVX512 else (6, 1)
"""Shape of the largest tile whose sums registers hold: half of 32, or 12 of 16 half as long."""


class Tile(types.Type):  # type: ignore[misc]
    """The type of a tile: ``rows`` times ``vectors`` vectors of ``dtype``."""

    def __init__(self, dtype: Any, rows: int, vectors: int) -> None:
        self.dtype, self.rows, self.vectors = dtype, rows, vectors
        self.starts = types.UniTuple(types.intp, rows)
        super().__init__(name=f"Tile({dtype}, {rows}, {vectors})")

    def places(self) -> Any:
        """Yield row, vector, and where it lies in the tile."""
        for row in range(self.rows):
            for vector in range(self.vectors):
                yield row, vector, row * self.vectors + vector


@register_model(Tile)
class _TileModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Tile) -> None:
        type_ = ir.ArrayType(llvm_type(Vector(kind.dtype)), kind.rows * kind.vectors)
        super().__init__(manager, kind, type_)


@compiled
def tile_rows(left: int) -> int:
    """Return the rows of the next tile where so many are left: ROWS, 4 or 1."""
    if left >= ROWS and left != ROWS + 2:
        return ROWS
    return 4 if left >= 4 else 1


def _width(kind: Tile) -> int:
    count: int = Vector(kind.dtype).count
    return count


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def zero_tile(typing: Any, array: Any, rows: Any, vectors: Any) -> Any:
    """Return a tile of zeros of the array's type, ``rows`` and ``vectors`` being constants."""
    kind = Tile(array.dtype, rows.literal_value, vectors.literal_value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(kind), None)

    return kind(array, rows, vectors), generate


@generated
def equal_steps(typing: Any, tile: Any, at: Any, step: Any) -> Any:
    """Return a place for each row: ``at``, ``at + step``, ..."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        starts = [
            builder.add(args[1], builder.mul(args[2], ir.Constant(INT64, row)))
            for row in range(tile.rows)
        ]
        return context.make_tuple(builder, tile.starts, starts)

    return tile.starts(tile, types.intp, types.intp), generate


@generated
def table_steps(typing: Any, tile: Any, table: Any, first: Any, at: Any) -> Any:
    """Return a place for each row: ``at`` plus ``table[first]``, ``table[first + 1]``, ..."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        starts = []
        for row in range(tile.rows):
            index = builder.add(args[2], ir.Constant(INT64, row))
            step = builder.load(address(context, builder, table, args[1], index))
            starts.append(builder.add(step, args[3]))
        return context.make_tuple(builder, tile.starts, starts)

    return tile.starts(tile, table, types.intp, types.intp), generate


@generated
def add_products(typing: Any, tile: Any, a: Any, starts: Any, offset: Any, b: Any, at: Any) -> Any:
    """Return the tile plus, in each row, ``a[start + offset]`` times the row at ``b[at]``."""
    vector, size = llvm_type(Vector(tile.dtype)), tile.dtype.bitwidth // 8

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result, first, places, step, second, place = args
        across = []
        for v in range(tile.vectors):
            index = builder.add(place, ir.Constant(INT64, v * _width(tile)))
            across.append(load_vector(context, builder, b, second, index))
        for row, v, i in tile.places():
            if v == 0:
                index = builder.add(builder.extract_value(places, row), step)
                number = builder.load(address(context, builder, a, first, index), align=size)
                factor = broadcast(builder, number, vector)
            total = builder.extract_value(result, i)
            total = call(builder, "fma", Vector(tile.dtype), [factor, across[v], total])
            result = builder.insert_value(result, total, i)
        return result

    return tile(tile, a, tile.starts, types.intp, b, types.intp), generate


@generated
def load_tile(typing: Any, tile: Any, array: Any, starts: Any) -> Any:
    """Return a tile of the same shape whose rows begin at ``array[start]``."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result, memory, places = args
        for row, v, i in tile.places():
            line = _line(context, builder, tile, array, memory, places, row, v)
            value = builder.load(line, align=tile.dtype.bitwidth // 8)
            result = builder.insert_value(result, value, i)
        return result

    return tile(tile, array, tile.starts), generate


@generated
def store_tile(typing: Any, tile: Any, array: Any, starts: Any) -> Any:
    """Write each row from ``array[start]`` on."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values, memory, places = args
        for row, v, i in tile.places():
            line = _line(context, builder, tile, array, memory, places, row, v)
            value = builder.extract_value(values, i)
            builder.store(value, line, align=tile.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(tile, array, tile.starts), generate


def _line(
    context: Any,
    builder: Any,
    tile: Tile,
    array: Any,
    memory: Any,
    places: Any,
    row: int,
    vector: int,
) -> Any:
    """Return where a vector of a tile lies in memory."""
    index = ir.Constant(INT64, vector * _width(tile))
    index = builder.add(builder.extract_value(places, row), index)
    return vector_address(context, builder, array, memory, index)
