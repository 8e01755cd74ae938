"""How far studies are, counted by the database: no curve and no trial is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Integer, and_, cast, func, inspect, select

from qsched.storage.engine import readable_errors
from qsched.storage.optuna_schema import STUDIES, TRIAL_USER_ATTRIBUTES, TRIAL_VALUES, TRIALS
from qsched.storage.rows import Phase
from qsched.storage.tables import runs, studies

__all__ = ["Score", "Tally", "read_scores", "tally"]


@dataclass(frozen=True)
class Tally:
    """How far a study is.

    Attributes:
        runs: stored runs.
        candidates: recorded candidates.
        best: mean accuracy of the best one: of those with the most seeds, the highest.
        best_arm: its arm.
    """

    runs: int
    candidates: int
    best: float | None
    best_arm: str | None


class Score(NamedTuple):
    """A run without its curve; ``schedule`` is the hash of its schedule."""

    arm: str
    phase: Phase
    schedule: str
    seed: int
    length: float
    evaluate: str
    accuracy: float | None


def read_scores(engine: Engine, study: str) -> list[Score]:
    """Return the runs of a study in the order they were stored, without their curves."""
    query = (
        select(*(runs.c[name] for name in Score._fields))
        .join(studies, studies.c.id == runs.c.study_id)
        .where(studies.c.name == study)
        .order_by(runs.c.id)
    )
    with readable_errors(engine), engine.connect() as connection:
        return [Score(*row) for row in connection.execute(query)]


def tally(engine: Engine, study: str) -> Tally:
    """Count the runs and candidates of a study, and find its best candidate."""
    counting = (
        select(func.count())
        .select_from(runs.join(studies, studies.c.id == runs.c.study_id))
        .where(studies.c.name == study)
    )
    with readable_errors(engine), engine.connect() as connection:
        count = connection.scalar(counting) or 0
        if not inspect(connection).has_table(TRIALS.name):
            return Tally(count, 0, None, None)
        candidates, best, arm = _candidates(connection, study)
    return Tally(count, candidates, best, arm)


def _candidates(connection: Connection, study: str) -> tuple[int, float | None, str | None]:
    """Return the number of candidates, the mean of the best one and its arm."""
    kind, seeds, arm = (TRIAL_USER_ATTRIBUTES.alias(name) for name in ("kind", "seeds", "arm"))
    trial, value = TRIALS.c.trial_id, TRIAL_VALUES.c.value
    candidates = TRIALS.join(STUDIES).join(
        kind, and_(kind.c.trial_id == trial, kind.c.key == "kind")
    )
    chosen = and_(STUDIES.c.study_name == study, kind.c.value_json == json.dumps("candidate"))
    count = connection.scalar(select(func.count()).select_from(candidates).where(chosen)) or 0
    scored = (
        candidates.join(TRIAL_VALUES, TRIAL_VALUES.c.trial_id == trial)
        .join(seeds, and_(seeds.c.trial_id == trial, seeds.c.key == "seeds"))
        .join(arm, and_(arm.c.trial_id == trial, arm.c.key == "arm"))
    )
    order = (cast(seeds.c.value_json, Integer).desc(), value.desc(), trial)
    query = select(value, arm.c.value_json).select_from(scored).where(chosen)
    best = connection.execute(query.order_by(*order).limit(1)).one_or_none()
    return (count, None, None) if best is None else (count, best[0], json.loads(best[1]))
