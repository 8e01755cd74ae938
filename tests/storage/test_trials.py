"""Trials that are appended are the trials that Optuna reads."""

from collections.abc import Sequence

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import text

from qsched.errors import StorageError, VersionError
from qsched.storage import Storage
from tests.storage.conftest import SQLITE_ONLY
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


def test_the_rows_are_those_that_optuna_writes(storage: Storage) -> None:
    odd = create_trial(
        state=TrialState.PRUNED,
        value=float("-inf"),
        params={"choice": None, "n": 3},
        distributions={
            "choice": CategoricalDistribution([None, True, 1.5, "x"]),
            "n": IntDistribution(1, 9, log=True),
        },
        intermediate_values={0: float("nan"), 3: float("inf"), 5: float("-inf"), 7: 0.1},
        user_attrs={"text": "é", "list": [1, None, {"a": 2.5}]},
        system_attrs={"rule": {"x": [1, 2]}},
    )
    best = create_trial(state=TrialState.COMPLETE, value=float("inf"))
    bare = create_trial(state=TrialState.FAIL)
    trials = [make_trial(0), make_trial(1, TrialState.PRUNED), odd, best, bare]
    ids = [
        optuna.create_study(storage=storage.optuna, study_name=name) for name in ("own", "peer")
    ]
    storage.add_trials("own", trials)
    for trial in trials:
        ids[1].add_trial(trial)
    own, peer = (rows_of(storage, name) for name in ("own", "peer"))
    assert own == peer
    assert sum(len(rows) for rows in own.values()) > 30


def rows_of(storage: Storage, study: str) -> dict[str, list[tuple[object, ...]]]:
    """Return what the tables hold of a study's trials, but for the ids."""
    parts = {
        "trials": "number, state, datetime_start, datetime_complete",
        "trial_params": "number, param_name, param_value, distribution_json",
        "trial_values": "number, objective, value, value_type",
        "trial_intermediate_values": "number, step, intermediate_value, intermediate_value_type",
        "trial_user_attributes": "number, key, value_json",
        "trial_system_attributes": "number, key, value_json",
    }
    found = {}
    with storage.optuna.engine.connect() as connection:
        for table, columns in parts.items():
            joined = "" if table == "trials" else f"JOIN {table} USING (trial_id)"
            query = f"SELECT {columns} FROM trials {joined} JOIN studies USING (study_id) "
            rows = connection.execute(
                text(f"{query} WHERE study_name = :name ORDER BY number, 2"), {"name": study}
            )
            found[table] = [tuple(row) for row in rows]
    return found


@SQLITE_ONLY
def test_a_full_disk_stores_nothing_of_a_batch(storage: Storage, study: optuna.Study) -> None:
    trials = [make_trial(number % 8) for number in range(60)]
    storage.add_trials("t", trials[:2])
    limit_pages(storage, 2)
    with pytest.raises(StorageError, match="disk is full"):
        storage.add_trials("t", trials[2:])
    limit_pages(storage, 10**6)
    assert len(study.trials) == 2
    storage.add_trials("t", trials[2:])
    assert seen(study.trials) == seen(trials)


def test_errors_of_optuna_are_guarded(storage: Storage, study: optuna.Study) -> None:
    with storage.optuna.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE trial_params")
    with pytest.raises(StorageError, match="trial_params"), storage.guard():
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
