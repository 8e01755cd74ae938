"""Counts and the best candidate, counted by the database, against a plain loop over trials."""

from __future__ import annotations

import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from qsched.specs import digest
from qsched.storage import Score, Storage, Tally
from tests.storage.samples import SPEC, make_row

FAILED = {"status": "failed", "accuracy": None, "loss": None, "curve": (), "reason": "NaN"}


def add_trial(study: optuna.Study, kind: str, seeds: int, value: float) -> None:
    study.add_trial(
        create_trial(
            state=TrialState.COMPLETE if seeds == 8 else TrialState.PRUNED,
            value=value,
            user_attrs={"kind": kind, "seeds": seeds, "arm": f"trial-{len(study.trials)}"},
        )
    )


def counted(storage: Storage, name: str) -> Tally:
    """Count by hand."""
    trials = optuna.load_study(study_name=name, storage=storage.optuna).trials
    found = [trial for trial in trials if trial.user_attrs["kind"] == "candidate"]
    best = max(found, key=lambda trial: (trial.user_attrs["seeds"], trial.value))
    return Tally(len(storage.runs(name)), len(found), best.value, str(best.user_attrs["arm"]))


def test_a_tally_is_what_counting_finds(storage: Storage) -> None:
    other = SPEC.model_copy(update={"name": "other"})
    storage.save_study(other, digest(other))
    for name, shift in (("t", 0.0), ("other", 0.5)):
        study = optuna.create_study(storage=storage.optuna, study_name=name)
        # The baseline is better than all, and the candidate of two seeds only looks so.
        for i, (kind, seeds, value) in enumerate(
            [
                ("baseline", 8, 0.99),
                ("candidate", 2, 0.9),
                ("candidate", 10, 0.3),
                ("candidate", 10, 0.4),
                ("candidate", 8, 0.7),
                ("static", 8, 0.98),
            ]
        ):
            add_trial(study, kind, seeds, value - shift * i / 10)
    storage.add_runs("t", [make_row(1), make_row(2)])
    storage.add_runs("other", [make_row(3)])
    assert storage.tally("t") == counted(storage, "t")
    assert storage.tally("t") == Tally(2, 4, 0.4, "trial-3")
    assert storage.tally("other") == counted(storage, "other")


def test_nothing_to_count(storage: Storage) -> None:
    assert storage.tally("t") == Tally(0, 0, None, None)
    assert storage.tally("nosuch") == Tally(0, 0, None, None)
    _ = storage.optuna
    assert storage.tally("t") == Tally(0, 0, None, None)


def test_scores_are_the_runs_without_their_curves(storage: Storage) -> None:
    rows = [
        make_row(7, arm=1),
        make_row(3),
        make_row(3, arm=1, **FAILED),
        make_row(5, 0, "report"),
    ]
    storage.add_runs("t", rows)
    assert storage.scores("t") == [
        Score(
            arm=row.arm,
            phase=row.phase,
            schedule=digest(row.run.schedule),
            seed=row.run.seed,
            length=row.run.length,
            evaluate=row.run.evaluate,
            accuracy=row.result.accuracy,
        )
        for row in rows
    ]
    assert storage.scores("nosuch") == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_status_counts_without_optuna(storage: Storage, url: str) -> None:
    _ = storage.optuna
    code = (
        "import sys; from qsched.cli import main; main(['status', '--db', sys.argv[1]]); "
        "print(sorted({'torch', 'optuna', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, url], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "t      running" in done.stdout
