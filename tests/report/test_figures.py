"""Figures hold the numbers of the storage."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import fmean, stdev

import optuna
import plotly.graph_objects as go
import pytest
from optuna.trial import TrialState
from scipy import stats

from qsched.errors import InputError, StorageError, UnknownNameError
from qsched.report import draw, gather
from qsched.report.curves import Curve, mean_curve, steps_to_reach
from qsched.report.regret import regret
from qsched.specs import digest
from qsched.storage import RunRow, Storage
from qsched.study.verdict import Verdict
from tests.report import fabricate

NAME = "digits-ana"


@pytest.fixture(scope="module")
def drawn(finished: Storage) -> dict[str, go.Figure]:
    return draw(gather(finished, NAME))


@pytest.fixture(scope="module")
def verdict(finished: Storage) -> Verdict:
    return Verdict.model_validate_json(json.dumps(finished.study(NAME).verdict))


def trace(figure: go.Figure, name: str) -> go.Scatter:
    (found,) = [each for each in figure.data if each.name == name]
    return found


def trials(storage: Storage) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=NAME, storage=storage.optuna).get_trials()


def candidates(storage: Storage) -> list[optuna.trial.FrozenTrial]:
    return [t for t in trials(storage) if t.user_attrs["kind"] == "candidate"]


def test_all_figures_of_a_finished_study(drawn: dict[str, go.Figure]) -> None:
    assert list(drawn) == [
        "verdict",
        "atlas-forward",
        "atlas-backward",
        "curves",
        "regret",
        "importance",
    ]
    for figure in drawn.values():
        assert figure.layout.meta["title"]
        assert figure.layout.meta["subtitle"]


def test_verdict_shows_every_seed_mean_and_interval(
    drawn: dict[str, go.Figure], verdict: Verdict
) -> None:
    for arm in verdict.arms:
        seeds = trace(drawn["verdict"], arm.contender)
        assert list(seeds.x) == pytest.approx([100 * a for a in arm.accuracies])
        mean = trace(drawn["verdict"], f"{arm.contender}, mean")
        assert mean.x[0] == pytest.approx(100 * fmean(arm.accuracies))
        assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(100 * arm.interval[0])
        assert mean.x[0] + mean.error_x.array[0] == pytest.approx(100 * arm.interval[1])


def test_verdict_shows_paired_differences(drawn: dict[str, go.Figure], verdict: Verdict) -> None:
    found = verdict.arms[0].accuracies
    for other in verdict.arms[1:3]:
        pairs = [100 * (a - b) for a, b in zip(found, other.accuracies, strict=True)]
        point = trace(drawn["verdict"], f"found - {other.contender}")
        half = stats.t.ppf(0.975, len(pairs) - 1) * stdev(pairs) / len(pairs) ** 0.5
        assert point.x[0] == pytest.approx(fmean(pairs))
        assert point.error_x.array[0] == pytest.approx(half)
        assert point.marker.symbol == "diamond"


def test_no_significant_difference_is_said_and_hollow(empty: Storage) -> None:
    study = fabricate.spec(candidates=4)
    arms = fabricate.search(empty, study)
    best = max(a.accuracy for a in arms if a.kind == "candidate")
    fabricate.confirm(empty, study, arms, gain=0.826 - best)
    figure = draw(gather(empty, NAME))["verdict"]
    assert "no significant difference from best hand-coded" in figure.layout.meta["title"]
    assert trace(figure, "found - hand-coded").marker.symbol == "diamond-open"


def test_learning_curves_are_means_over_the_report_runs(
    drawn: dict[str, go.Figure], finished: Storage, verdict: Verdict
) -> None:
    labels = {"found": "found", "hand-coded": "best hand-coded", "static": "tuned static"}
    for contender, label in labels.items():
        (arm,) = [a.arm for a in verdict.arms if a.contender == contender]
        runs = [row for row in finished.runs(NAME, "report") if row.arm == arm]
        assert len(runs) == 12
        line = trace(drawn["curves"], label)
        assert tuple(line.x) == fabricate.STEPS
        for k, value in enumerate(line.y):
            assert value == pytest.approx(100 * fmean(r.result.curve[k].accuracy for r in runs))


def test_bands_are_intervals_of_the_mean(
    drawn: dict[str, go.Figure], finished: Storage, verdict: Verdict
) -> None:
    runs = [r for r in finished.runs(NAME, "report") if r.arm == verdict.arms[0].arm]
    sample = [row.result.curve[3].accuracy for row in runs]
    half = stats.t.ppf(0.975, len(sample) - 1) * stdev(sample) / len(sample) ** 0.5
    band = trace(drawn["curves"], "found, band")
    assert (band.x[3], band.x[-4]) == (fabricate.STEPS[3],) * 2
    assert band.y[3] == pytest.approx(100 * (fmean(sample) + half))
    assert band.y[-4] == pytest.approx(100 * (fmean(sample) - half))


def test_the_ring_marks_where_the_hand_coded_end_is_reached(drawn: dict[str, go.Figure]) -> None:
    figure = drawn["curves"]
    goal = trace(figure, "best hand-coded").y[-1]
    found = trace(figure, "found")
    first = next(s for s, y in zip(found.x, found.y, strict=True) if y >= goal)
    ring = trace(figure, "found reaches it")
    assert (ring.x[0], ring.y[0]) == (first, pytest.approx(goal))
    assert f"after {first} of 300 steps" in figure.layout.meta["title"]


def test_diverged_runs_are_left_out_of_curves_and_counted() -> None:
    study = fabricate.spec()
    arm = fabricate.arms(0)[0]
    rows = [fabricate.run_row(study, arm, "report", seed, failed=seed == 1) for seed in range(3)]
    curve = mean_curve(rows, 0.95)
    assert curve is not None
    assert (curve.finished, curve.failed) == (2, 1)
    ends = [rows[i].result.curve[-1].accuracy for i in (0, 2)]
    assert curve.mean[-1] == pytest.approx(fmean(ends))


def test_a_curve_needs_a_finished_run() -> None:
    study, arm = fabricate.spec(), fabricate.arms(0)[0]
    assert mean_curve([], 0.95) is None
    assert mean_curve([fabricate.run_row(study, arm, "report", 0, failed=True)], 0.95) is None


def test_a_single_run_has_a_band_of_no_width() -> None:
    row: RunRow = fabricate.run_row(fabricate.spec(), fabricate.arms(0)[0], "report", 0)
    curve = mean_curve([row], 0.95)
    assert curve is not None
    assert curve.low == curve.mean == curve.high


def test_an_accuracy_that_is_lost_again_is_not_reached() -> None:
    curve = Curve((1, 2, 3, 4), (0.9, 0.5, 0.8, 0.8), (), (), 1, 0)
    assert steps_to_reach(curve, 0.8) == 3
    assert steps_to_reach(curve, 0.4) == 1
    assert steps_to_reach(curve, 0.85) is None


def test_regret_follows_the_best_complete_candidate(
    drawn: dict[str, go.Figure], finished: Storage
) -> None:
    best, counts, values = 0.0, [], []
    for count, trial in enumerate(candidates(finished), start=1):
        if trial.state == TrialState.COMPLETE:
            best = max(best, trial.value)
            counts.append(count)
            values.append(100 * best)
    line = trace(drawn["regret"], "best so far")
    assert list(line.x) == [*counts, 48]
    assert list(line.y) == pytest.approx([*values, values[-1]])


def test_regret_shows_raced_out_candidates_at_their_last_mean(
    drawn: dict[str, go.Figure], finished: Storage
) -> None:
    pruned = [t for t in candidates(finished) if t.state == TrialState.PRUNED]
    dots = trace(drawn["regret"], "raced out")
    assert list(dots.y) == pytest.approx([100 * t.intermediate_values[2] for t in pruned])


@pytest.mark.parametrize(
    ("kind", "label"), [("baseline", "best hand-coded"), ("static", "tuned static")]
)
def test_regret_draws_the_best_baselines_level(
    drawn: dict[str, go.Figure], finished: Storage, kind: str, label: str
) -> None:
    complete = [t for t in trials(finished) if t.state == TrialState.COMPLETE]
    best = max(t.value for t in complete if t.user_attrs["kind"] == kind)
    assert set(trace(drawn["regret"], label).y) == {100 * best}


def test_regret_of_candidates_alone(finished: Storage) -> None:
    material = gather(finished, NAME)
    figure = regret(replace(material, attempts=material.candidates))
    assert figure is not None
    low, high = figure.layout.yaxis.range
    best = max(attempt.value or 0.0 for attempt in material.candidates)
    assert low < 100 * best < high


def test_an_unfinished_study_has_figures_without_a_verdict(searching: Storage) -> None:
    drawn = draw(gather(searching, NAME))
    assert "verdict" not in drawn
    assert "importance" not in drawn
    runs = [row for row in searching.runs(NAME, "search") if row.arm == "ana-2019"]
    end = trace(drawn["curves"], "best hand-coded").y[-1]
    assert end == pytest.approx(100 * fmean(r.result.curve[-1].accuracy for r in runs))


def test_curves_take_only_the_tuned_learning_rate(empty: Storage) -> None:
    study = fabricate.spec(candidates=1)
    fabricate.search(empty, study)
    arm = fabricate.arms(0)[1]
    rate = arm.schedule.learning_rate.model_copy(update={"initial": 0.5})
    other = arm.schedule.model_copy(update={"learning_rate": rate})
    before = trace(draw(gather(empty, NAME))["curves"], "best hand-coded").y
    poor = fabricate.Arm(arm.name, arm.kind, other, 0.1, {})
    empty.add_runs(NAME, [fabricate.run_row(study, poor, "search", seed) for seed in range(4)])
    assert trace(draw(gather(empty, NAME))["curves"], "best hand-coded").y == before


def test_a_study_without_runs_is_refused(empty: Storage) -> None:
    study = fabricate.spec()
    empty.save_study(study, digest(study))
    with pytest.raises(InputError, match=r"needs runs.*none yet.*qsched run digits-ana"):
        draw(gather(empty, NAME))


def test_an_unknown_study_is_refused(empty: Storage) -> None:
    with pytest.raises(UnknownNameError):
        draw(gather(empty, NAME))


def test_a_database_without_the_optuna_study_is_a_failure(empty: Storage) -> None:
    study = fabricate.spec()
    empty.save_study(study, digest(study))
    empty.add_runs(NAME, [fabricate.run_row(study, fabricate.full_precision(), "search", 0)])
    with pytest.raises(StorageError, match="Optuna study"):
        draw(gather(empty, NAME))
