"""Runs as a Parquet table: the columns of the runs table, with the study by name."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, DateTime, Double, Integer, insert, select

from qsched.errors import InputError
from qsched.specs import CurvePoint
from qsched.storage.tables import runs

if TYPE_CHECKING:
    import pyarrow

__all__ = ["add_runs", "parquet_of_runs", "runs_of"]

_CURVE = TypeAdapter(tuple[CurvePoint, ...])
_CHUNK = 5000


def runs_of(connection: Connection, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the rows of the runs of some studies, in their order, for :func:`parquet_of_runs`.

    Args:
        connection: to the database.
        names: of the studies, by number.
    """
    query = select(runs).where(runs.c.study_id.in_(names)).order_by(runs.c.id)
    rows = []
    for row in connection.execute(query).mappings():
        values = {key: row[key] for key in row if key not in ("id", "study_id")}
        values["curve"] = json.loads(row["curve"])
        rows.append({"study": names[row["study_id"]], **values})
    return rows


def parquet_of_runs(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as a Parquet file.

    Raises:
        InputError: pyarrow is not installed.
    """
    _require()
    import pyarrow
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema=_schema()), file)
    return file.getvalue()


def add_runs(connection: Connection, content: bytes, numbers: Mapping[str, int]) -> int:
    """Insert the runs of a Parquet file in their order; return how many.

    Args:
        connection: to the database.
        content: of the file.
        numbers: of the studies, by name.

    Raises:
        InputError: pyarrow is not installed.
    """
    _require()
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(content))
    for batch in table.to_batches(_CHUNK):
        rows = [_row(values, numbers) for values in batch.to_pylist()]
        if rows:
            connection.execute(insert(runs), rows)
    return int(table.num_rows)


def _row(values: dict[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    curve = _CURVE.dump_json(_CURVE.validate_python(values["curve"])).decode()
    return {**values, "study_id": numbers[values.pop("study")], "curve": curve}


def _schema() -> pyarrow.Schema:
    import pyarrow

    point = [
        ("step", pyarrow.int64()),
        ("loss", pyarrow.float64()),
        ("accuracy", pyarrow.float64()),
    ]
    kept = [column for column in runs.columns if column.name not in ("id", "study_id")]
    return pyarrow.schema(
        [
            ("study", pyarrow.string()),
            *(
                (c.name, pyarrow.list_(pyarrow.struct(point)) if c.name == "curve" else _type(c))
                for c in kept
            ),
        ]
    )


def _type(column: Column[Any]) -> pyarrow.DataType:
    import pyarrow

    match column.type:
        case Integer():
            return pyarrow.int64()
        case Double():
            return pyarrow.float64()
        case DateTime():
            return pyarrow.timestamp("us")
        case _:
            return pyarrow.string()


def _require() -> None:
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        raise InputError(
            "a dump holds runs as Parquet, which needs pyarrow, but it is not installed; "
            "`pip install 'qsched[parquet]'`"
        ) from None
