"""Importance among the best trials: against Optuna's own call, and what cannot be judged."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from qsched.study.importance import in_memory, ped_anova, top_share

UNIT: dict[str, BaseDistribution] = {name: FloatDistribution(0, 1) for name in "xyz"}


def trials(count: int, extra: int = 0) -> list[FrozenTrial]:
    """The value is that of x; ``extra`` trials have a parameter z besides."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        names = "xyz" if i < extra else "xy"
        params = {name: float(rng.random()) for name in names}
        made.append(
            create_trial(
                params=params,
                distributions={name: UNIT[name] for name in names},
                value=params["x"],
            )
        )
    return made


def test_shares_are_those_of_optuna_largest_first() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials(80))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=0.1)
    expected = get_param_importances(study, evaluator=evaluator)
    shares = ped_anova(trials(80))
    assert shares == expected
    assert list(shares) == ["x", "y"]
    assert sum(shares.values()) == pytest.approx(1)


def test_what_only_one_trial_has_or_lacks_cannot_be_judged() -> None:
    assert set(ped_anova(trials(40, extra=20))) == {"x", "y", "z"}
    assert "z" not in ped_anova(trials(40, extra=1))
    assert "z" not in ped_anova(trials(40, extra=39))


def test_of_few_trials_five_are_the_best() -> None:
    assert top_share(20) * 20 == 5
    assert top_share(1000) * 1000 == 100


def test_a_study_in_memory_writes_no_line(caplog: pytest.LogCaptureFixture) -> None:
    before = optuna.logging.get_verbosity()
    assert len(in_memory(trials(3)).trials) == 3
    assert optuna.logging.get_verbosity() == before
    assert not caplog.records
