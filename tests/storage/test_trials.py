"""Trials that are appended are the trials that Optuna reads."""

import time
from collections.abc import Sequence

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import text

from qsched.errors import StorageError, VersionError
from qsched.storage import Storage
from tests.storage.samples import limit_pages

SPACE = {
    "end": FloatDistribution(0.4, 1.0),
    "std": FloatDistribution(0.1, 3.0, log=True),
    "stages": IntDistribution(1, 8),
    "family": CategoricalDistribution(["uniform", "normal"]),
}


def make_trial(number: int, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    values = {2: 0.1 * number, 4: 0.2 * number}
    return create_trial(
        state=state,
        params={"end": 0.5, "std": 0.1 + 0.01 * number, "stages": 1 + number, "family": "normal"},
        distributions=SPACE,
        value=values[4] if state == TrialState.COMPLETE else None,
        intermediate_values=values,
        user_attrs={"arm": f"trial-{number}", "seeds": [1, 2]},
    )


@pytest.fixture
def study(storage: Storage) -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(
        storage=storage.optuna, study_name="t", direction="maximize", sampler=sampler
    )


def seen(trials: Sequence[FrozenTrial]) -> list[object]:
    return [
        (t.state, t.value, t.params, t.distributions, t.intermediate_values, t.user_attrs)
        for t in trials
    ]


def test_trials_come_back_from_a_study_that_is_open_already(
    storage: Storage, study: optuna.Study
) -> None:
    trials = [make_trial(0), make_trial(1, TrialState.PRUNED), make_trial(2)]
    assert study.trials == []
    storage.add_trials("t", trials)
    assert seen(study.trials) == seen(trials)
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert study.best_trial.user_attrs["arm"] == "trial-2"


def test_optuna_works_on_afterwards(storage: Storage, study: optuna.Study) -> None:
    storage.add_trials("t", [make_trial(0)])
    study.tell(study.ask(SPACE), 0.5)
    storage.add_trials("t", [make_trial(1)])
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert [trial.value for trial in study.trials] == [0.0, 0.5, 0.2]


def test_a_full_disk_leaves_the_first_trials(
    storage: Storage, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # Optuna waits before it tries again.
    limit_pages(storage, 2)
    trials = [make_trial(number % 8) for number in range(60)]
    with pytest.raises(StorageError, match="disk is full"):
        storage.add_trials("t", trials)
    limit_pages(storage, 10**6)
    stored = len(study.trials)
    assert 0 < stored < 60
    storage.add_trials("t", trials[stored:])
    assert seen(study.trials) == seen(trials)


def test_errors_of_optuna_are_guarded(storage: Storage, study: optuna.Study) -> None:
    with storage.optuna.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE trial_params")
    with pytest.raises(StorageError, match="no such table: trial_params"), storage.guard():
        study.tell(study.ask(SPACE), 0.5)


def test_other_errors_pass_the_guard(storage: Storage) -> None:
    with pytest.raises(KeyError), storage.guard():
        storage.add_trials("nosuch", [make_trial(0)])


def test_tables_of_another_optuna(storage: Storage, url: str) -> None:
    with storage.optuna.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9.0.0'"))
    with Storage.open(url) as again, pytest.raises(VersionError, match="updating optuna") as error:
        _ = again.optuna
    assert "\n" not in str(error.value)
