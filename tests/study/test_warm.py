"""Warm starts: what was learned is tried first; it helps where it fits, and costs little else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from optuna.trial import FrozenTrial, create_trial

from qsched.errors import InputError
from qsched.schedules import Schedule
from qsched.schedules.file import load_schedule
from qsched.spaces import Value, load_space
from qsched.specs import SamplerSpec, StudySpec
from qsched.specs.files import load_study
from qsched.specs.heuristics import (
    AlgorithmHeuristics,
    Heuristics,
    LearnedSchedule,
    SeenTask,
)
from qsched.study.warm import Warm, ask_warm, share_of_prior, warm_start

SPACE = load_space("ana")
Score = Callable[[dict[str, Value]], float]


def study(sampler: str = "tpe", warm: str = "transfer", seed: int = 0) -> StudySpec:
    return load_study("digits-ana").model_copy(
        update={
            "warm_start": warm,
            "seed": seed,
            "sampler": SamplerSpec(name=sampler, batch=8, startup=64),
        }
    )


def smooth(point: dict[str, Value]) -> float:
    """A bowl in three parameters and a choice; 1 at its best."""
    wide = float(np.log(float(point["backward_std"])) - np.log(1.2)) / 3.4
    fast = float(np.log(float(point["learning_rate"])) - np.log(0.01)) / 6.2
    late = (float(point["end"]) - 0.7) / 0.65
    return 1 - wide**2 - late**2 - fast**2 - 0.3 * (point["backward"] != "constant")


def scores(
    spec: StudySpec, warm: Warm, score: Score, count: int, enough: float = 2.0
) -> list[float]:
    """What the first ``count`` candidates of a study score; it ends where one is ``enough``."""
    history: list[FrozenTrial] = []
    for batch in range(count // 8):
        asked = list(ask_warm(SPACE, spec, history[:], 8, batch=batch, warm=warm))
        history += [
            create_trial(
                params=each.params,
                distributions=each.distributions,
                system_attrs=each.system_attrs,
                value=score(each.params),
                user_attrs={"kind": "candidate"},
            )
            for each in asked
        ]
        if max(float(trial.value or 0) for trial in history) >= enough:
            break
    return [float(trial.value or 0) for trial in history]


def trials_needed(found: list[float], target: float) -> int:
    """Candidates until ``target`` is reached; all of them if it is not."""
    return next((i for i, value in enumerate(found, start=1) if value >= target), len(found))


def portfolio(score: Score, count: int, *, best: bool) -> tuple[dict[str, Value], ...]:
    rng = np.random.default_rng(5)
    points = sorted((SPACE.random(rng) for _ in range(300)), key=score, reverse=best)
    return tuple(points[:count])


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_poisoned_prior_costs_at_most_a_tenth_more_trials(sampler: str) -> None:
    """Over 4 seeds; the prior holds the worst four of 300 points."""
    poison = Warm(portfolio(smooth, 4, best=False), transfer=True)
    cold, warm = (
        np.mean(
            [
                trials_needed(scores(study(sampler, seed=s), start, smooth, 120, 0.98), 0.98)
                for s in range(4)
            ]
        )
        for start in (Warm(), poison)
    )
    assert 30 < cold < 120, "the target must be neither easy nor out of reach"
    assert warm <= 1.1 * cold


def test_a_good_prior_helps() -> None:
    """The portfolio holds points near the best; draws around them get closer still."""
    points = portfolio(smooth, 4, best=True)
    starts = {"cold": Warm(), "portfolio": Warm(points), "transfer": Warm(points, transfer=True)}
    short_of_best = {
        name: np.mean([1 - max(scores(study("random", seed=s), warm, smooth, 64)) for s in (1, 2)])
        for name, warm in starts.items()
    }
    assert short_of_best["portfolio"] < 0.8 * short_of_best["cold"]
    assert short_of_best["transfer"] < 0.8 * short_of_best["portfolio"]


def test_the_portfolio_comes_first_in_its_order_over_batches() -> None:
    points = portfolio(smooth, 6, best=True)
    spec, warm = study("random", "portfolio"), Warm(points)
    asked = list(ask_warm(SPACE, spec, [], 4, batch=0, warm=warm))
    assert [a.params for a in asked] == list(points[:4])
    history = [
        create_trial(
            params=a.params,
            distributions=a.distributions,
            system_attrs=a.system_attrs,
            value=0.5,
            user_attrs={"kind": "candidate"},
        )
        for a in asked
    ]
    later = list(ask_warm(SPACE, spec, history, 4, batch=1, warm=warm))
    assert [a.params for a in later[:2]] == list(points[4:])
    assert later == list(ask_warm(SPACE, spec, history, 4, batch=1, warm=warm))
    for each in later:
        SPACE.decode(each.params)


def trial(value: float, *, prior: bool) -> FrozenTrial:
    return create_trial(value=value, system_attrs={"qsched:prior": prior})


def test_the_share_follows_what_the_prior_earns() -> None:
    others = [trial(v, prior=False) for v in (0.1, 0.5, 0.9)]
    assert share_of_prior(others) == 0
    assert share_of_prior([*others, trial(0.6, prior=True)]) == 0.5
    assert share_of_prior([*others, trial(0.6, prior=True), trial(0.2, prior=True)]) == 0.25
    assert share_of_prior([*others, *[trial(0.1, prior=True)] * 8]) == 0


def heuristics(schedule: Schedule) -> Heuristics:
    seen = SeenTask(name="a", dataset="b", features={}, gain=0, over_static=0, accuracy=0.5)
    learned = LearnedSchedule(name="x", schedule=schedule, regret=0.1)
    return Heuristics(
        algorithms={
            "ana": AlgorithmHeuristics(portfolio=(learned,), base="x", tasks=(seen,), reach=1.0)
        }
    )


def test_learning_rates_of_the_portfolio_are_multiples_of_the_tasks() -> None:
    published = load_schedule("ana-2019-overlapped").schedule
    rate = published.learning_rate.model_copy(update={"initial": 2.0})
    learned = heuristics(published.model_copy(update={"learning_rate": rate}))
    spec = study()
    [point] = warm_start(spec, SPACE, learned).points
    assert point["learning_rate"] == pytest.approx(2 * spec.task.optimizer.learning_rate)
    assert warm_start(study(warm="none"), SPACE, learned) == Warm()


def test_a_portfolio_of_another_space_is_an_error() -> None:
    learned = heuristics(load_schedule("inq-halves").schedule)
    with pytest.raises(InputError, match="none of 1 is"):
        warm_start(study(), SPACE, learned)
