"""Optuna's tables in the study database. Imported on first use: Optuna takes its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import Engine

from qsched.errors import VersionError
from qsched.storage.engine import readable_errors, shown, write

__all__ = ["add_trials", "optuna_storage"]


def optuna_storage(engine: Engine) -> RDBStorage:
    """Return Optuna's storage over the connections of ``engine``; its tables are created.

    Raises:
        VersionError: another release of Optuna wrote its tables.
        StorageError: the database cannot be read or written.
    """
    url = engine.url.render_as_string(hide_password=False)
    with readable_errors(engine):
        try:
            return RDBStorage(url, engine_kwargs={"pool": engine.pool})
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise VersionError(f"{shown(engine)}: {reason}") from None


def add_trials(
    storage: RDBStorage, engine: Engine, study: str, trials: Sequence[FrozenTrial]
) -> None:
    """Append finished ``trials`` to Optuna's study called ``study``, in one transaction."""
    with readable_errors(engine):
        study_id = storage.get_study_id_from_name(study)
        with _one_transaction(storage, engine):
            for trial in trials:
                storage.create_new_trial(study_id, template_trial=trial)


@contextmanager
def _one_transaction(storage: RDBStorage, engine: Engine) -> Iterator[None]:
    """Let what Optuna commits within the block count only at its end, all of it or nothing.

    Its sessions join a transaction that is open already; their commits release a savepoint.
    """
    sessions = storage.scoped_session
    sessions.remove()
    with write(engine) as connection:
        sessions.configure(bind=connection, join_transaction_mode="create_savepoint")
        try:
            yield
        finally:
            sessions.remove()
            sessions.configure(bind=storage.engine, join_transaction_mode="conditional_savepoint")
