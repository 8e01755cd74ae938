"""Leases: which process runs a study.

No clock is compared with another one. The owner counts its beats in the database; whoever waits
watches the count with a monotonic clock of its own, and takes a lease over whose count has stood
still for the lease's term. Taking over is a compare-and-swap, so one of many succeeds. A jump of
the wall clock, on any machine, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, Update, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from qsched.storage.engine import readable_errors, sqlite_file, write
from qsched.storage.tables import leases, studies

__all__ = ["Lease", "Leases"]


@dataclass(frozen=True)
class Lease:
    """A lease as it is stored.

    Attributes:
        owner: who holds it.
        beat: how often the owner has renewed it.
        seconds: its term: it is stale once ``beat`` has stood still for so long.
    """

    owner: str
    beat: int
    seconds: float


class Leases:
    """The leases of a study database. Unlike ``Storage``, it may be used by several threads.

    Every method raises :class:`~qsched.errors.StorageError` when the database cannot be used.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def needed(self) -> bool:
        """Whether another process could use the database: false for one in memory."""
        return self._engine.dialect.name != "sqlite" or sqlite_file(self._engine) is not None

    def read(self, study: str) -> Lease | None:
        """Return the lease of a study; None if nobody holds it."""
        columns = leases.c
        query = (
            select(columns.owner, columns.beat, columns.seconds)
            .join(studies, studies.c.id == columns.study_id)
            .where(studies.c.name == study)
        )
        with readable_errors(self._engine), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Lease(row.owner, row.beat, row.seconds)

    def take(self, study: str, owner: str, seconds: float, after: Lease | None = None) -> bool:
        """Take the lease of a stored study; return whether that succeeded.

        Args:
            study: its name.
            owner: who takes it.
            seconds: its term.
            after: the stale lease that this one replaces; None: nobody holds one.
        """
        values = {"owner": owner, "beat": 0, "seconds": seconds}
        if after is not None:
            change = self._of(study, after.owner).where(leases.c.beat == after.beat)
            with write(self._engine) as connection:
                return connection.execute(change.values(**values)).rowcount == 1
        postgres = self._engine.dialect.name == "postgresql"
        insert = (postgresql if postgres else sqlite).insert(leases).on_conflict_do_nothing()
        with write(self._engine) as connection:
            number = connection.scalar(select(studies.c.id).where(studies.c.name == study))
            taken = insert.values(study_id=number, **values).returning(leases.c.study_id)
            return connection.scalar(taken) is not None

    def renew(self, study: str, owner: str) -> bool:
        """Count one more beat; return whether ``owner`` still holds the lease."""
        with write(self._engine) as connection:
            change = self._of(study, owner).values(beat=leases.c.beat + 1)
            return connection.execute(change).rowcount == 1

    def release(self, study: str, owner: str) -> None:
        """Give the lease back, if ``owner`` still holds it."""
        number = select(studies.c.id).where(studies.c.name == study).scalar_subquery()
        with write(self._engine) as connection:
            connection.execute(
                delete(leases).where(leases.c.study_id == number, leases.c.owner == owner)
            )

    def _of(self, study: str, owner: str) -> Update:
        number = select(studies.c.id).where(studies.c.name == study).scalar_subquery()
        return update(leases).where(leases.c.study_id == number, leases.c.owner == owner)
