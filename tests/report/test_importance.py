"""Parameter importance: by a named evaluator, over the candidates alone."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from qsched.report import draw, gather
from qsched.report.importance import MIN_CANDIDATES, importances
from qsched.storage import Storage


def trials(count: int, extra: int = 0) -> list[FrozenTrial]:
    """Trials of which ``x`` alone decides; the first ``extra`` of them have ``z`` too."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        params = {name: float(rng.uniform()) for name in ("x", "y", "z")[: 3 if i < extra else 2]}
        made.append(
            create_trial(
                value=1 - abs(params["x"] - 0.7),
                params=params,
                distributions={name: FloatDistribution(0, 1) for name in params},
            )
        )
    return made


def test_what_decides_comes_first_and_shares_sum_to_one() -> None:
    shares = importances(trials(60))
    assert list(shares) == ["x", "y"]
    assert shares["x"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


def test_agrees_with_optuna_on_a_plain_study() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials(60))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=0.1)
    assert importances(trials(60)) == get_param_importances(study, evaluator=evaluator)


def test_too_few_or_equal_candidates_have_no_importance() -> None:
    assert importances(trials(MIN_CANDIDATES - 1)) == {}
    assert importances(trials(MIN_CANDIDATES)) != {}
    level = [
        create_trial(value=0.5, params=t.params, distributions=t.distributions) for t in trials(40)
    ]
    assert importances(level) == {}


@pytest.mark.parametrize("extra", [1, 39])
def test_a_parameter_of_one_candidate_or_of_all_but_one_is_left_out(extra: int) -> None:
    assert "z" not in importances(trials(40, extra))


def test_conditional_parameters_count() -> None:
    assert "z" in importances(trials(40, extra=20))


def test_the_figure_names_its_evaluator_and_counts_what_has_no_share(finished: Storage) -> None:
    figure = draw(gather(finished, "digits-ana"))["importance"]
    (bars,) = figure.data
    assert bars.name == "PED-ANOVA"
    assert figure.layout.meta["subtitle"].startswith("PED-ANOVA importance")
    assert "from 48 candidates" in figure.layout.meta["subtitle"]
    assert set(bars.y) == {
        "backward_std",
        "backward_floor",
        "forward",
        "forward_std",
        "learning_rate",
        "window_end",
    }
    assert "; 1 more below 0.5" in figure.layout.meta["subtitle"]
    assert sum(bars.x) == pytest.approx(100)
    # Bars are drawn from below: the most important one is the last, and the title names it.
    assert bars.x[-1] == max(bars.x)
    assert figure.layout.meta["title"].startswith(bars.y[-1])


def test_conditional_parameters_are_marked(
    finished: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {"window_end": 0.6, "layer_offset": 0.4}
    monkeypatch.setattr("qsched.report.importance.importances", lambda _: shares)
    figure = draw(gather(finished, "digits-ana"))["importance"]
    assert list(figure.data[0].y) == ["layer_offset *", "window_end"]
    assert "only some candidates have this parameter" in figure.layout.meta["subtitle"]
