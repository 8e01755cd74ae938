"""Optuna's tables in the study database. Imported on first use: Optuna takes its time."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import Engine

from qsched.errors import VersionError
from qsched.storage.engine import readable_errors, shown

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
    """Append finished ``trials`` to Optuna's study called ``study``, one commit each."""
    with readable_errors(engine):
        study_id = storage.get_study_id_from_name(study)
        for trial in trials:
            storage.create_new_trial(study_id, template_trial=trial)
