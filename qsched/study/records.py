"""Finished arms as trials of the Optuna study of the same name, for samplers and dashboard."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from qsched.schedules import Schedule
from qsched.spaces import SearchSpace
from qsched.storage import Storage
from qsched.study.dimensions import distributions
from qsched.study.racing import Raced
from qsched.study.sampling import Asked

__all__ = ["Records", "as_asked", "encoded"]


class Records:
    """The Optuna trials of one study: written once each, in order, never changed.

    Hand-coded and static arms come first, then candidates. A trial's number is its place, and a
    candidate's arm is called ``trial-<number>``.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage, self._name = storage, name
        study = optuna.create_study(
            storage=storage.optuna, study_name=name, direction="maximize", load_if_exists=True
        )
        self._trials: list[FrozenTrial] = study.get_trials(deepcopy=False)

    @property
    def trials(self) -> Sequence[FrozenTrial]:
        """All recorded trials, by number."""
        return self._trials

    def write(self, first: int, entries: Sequence[tuple[Asked, Raced]]) -> None:
        """Write a batch as trials ``first``, ``first + 1``, ..., in order: all of it or none.

        What is there already is kept.

        Raises:
            ConflictError: another process has written trials since these were read.
        """
        new = entries[max(0, len(self._trials) - first) :]
        trials = [_finished(asked, raced) for asked, raced in new]
        self._storage.add_trials(self._name, trials, first=len(self._trials))
        for number, trial in enumerate(trials, start=len(self._trials)):
            trial.number = number
        self._trials.extend(trials)


def encoded(space: SearchSpace, raced: Raced) -> Asked:
    """Return a baseline's parameters; none where it is no point of the space."""
    params = space.encode(raced.arm.schedule) or {}
    return Asked(params, distributions(space, params), {})


def as_asked(trial: FrozenTrial) -> Asked:
    """Return a recorded trial as the sampler gave it."""
    schedule = None
    if not trial.params:
        schedule = Schedule.model_validate_json(trial.user_attrs["schedule"])
    return Asked(trial.params, trial.distributions, trial.system_attrs, schedule)


def _finished(asked: Asked, raced: Raced) -> FrozenTrial:
    """Return the trial of a raced arm: complete at the top of the ladder, else pruned."""
    return create_trial(
        state=TrialState.COMPLETE if raced.finished else TrialState.PRUNED,
        value=raced.mean,
        params=asked.params,
        distributions=asked.distributions,
        system_attrs=asked.system_attrs,
        intermediate_values=raced.means,
        user_attrs={
            "arm": raced.arm.name,
            "kind": raced.arm.kind,
            "seeds": raced.count,
            "schedule": raced.arm.schedule.model_dump_json(),
        },
    )
