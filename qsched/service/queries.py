"""Pages of a long table, and counts: what need not be read as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import Select, func, select

from qsched.errors import UnknownNameError
from qsched.storage.engine import connect, readable_errors
from qsched.storage.tables import runs, studies

__all__ = ["Queries"]

_COLUMNS = (
    "id",
    "key",
    "arm",
    "phase",
    "seed",
    "length",
    "evaluate",
    "learning_rate",
    "status",
    "accuracy",
    "loss",
    "steps",
    "seconds",
    "reason",
    "created",
)


class Queries:
    """Reads a study database. Unlike ``Storage``, it may be used by several threads.

    Every method raises :class:`~qsched.errors.StorageError` when the database cannot be read.

    Args:
        url: the database's URL.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url)

    def ping(self) -> None:
        """Read something."""
        with readable_errors(self._engine), self._engine.connect() as connection:
            connection.execute(select(func.count()).select_from(studies)).scalar_one()

    def names(self, after: str | None, limit: int) -> Sequence[str]:
        """Return the names of ``limit`` studies at the most, the oldest first.

        Args:
            after: only those stored after this one; None is all.
            limit: how many.

        Raises:
            UnknownNameError: no study is called ``after``.
        """
        query = select(studies.c.name).order_by(studies.c.id).limit(limit)
        with readable_errors(self._engine), self._engine.connect() as connection:
            if after is not None:
                first = connection.scalar(select(studies.c.id).where(studies.c.name == after))
                if first is None:
                    raise UnknownNameError("stored study", after, ())
                query = query.where(studies.c.id > first)
            return connection.scalars(query).all()

    def run_count(self, study: str) -> int:
        """Return how many runs of a study are stored."""
        query = self._runs(select(func.count()), study)
        with readable_errors(self._engine), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def runs(self, study: str, after: int, limit: int) -> Sequence[dict[str, Any]]:
        """Return ``limit`` runs at the most of a study, those after the run with id ``after``."""
        columns = [runs.c[name] for name in _COLUMNS]
        query = self._runs(select(*columns), study).where(runs.c.id > after)
        query = query.order_by(runs.c.id).limit(limit)
        with readable_errors(self._engine), self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [{**row, "created": row["created"].replace(tzinfo=UTC)} for row in rows]

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _runs(self, query: Select[Any], study: str) -> Select[Any]:
        joined = query.select_from(runs).join(studies, studies.c.id == runs.c.study_id)
        return joined.where(studies.c.name == study)
