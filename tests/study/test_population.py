"""Population based training as a sampler: batches are populations, whose lineages are replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest

from qsched.errors import InputError
from qsched.execution import Executor, Inline
from qsched.execution.population import Evolved, Lineage, Population, Tell
from qsched.report import draw, gather
from qsched.report.page import render
from qsched.report.provenance import provenance
from qsched.schedules import Schedule
from qsched.spaces import load_space
from qsched.specs import (
    Confirmation,
    DataSpec,
    NetworkSpec,
    Rung,
    SamplerSpec,
    StudySpec,
    TaskSpec,
)
from qsched.specs.digest import digest
from qsched.storage import Storage
from qsched.study import Verdict, run_study
from qsched.study.invariants import violations
from qsched.study.population import cost, population
from qsched.study.seeds import pool
from tests.study.test_loop import SPEC as TOY
from tests.study.test_loop import Interrupting

SPEC = TOY.model_copy(
    update={
        "sampler": SamplerSpec(name="pbt", batch=4, segments=5),
        "budget": TOY.budget.model_copy(update={"trials": 6}),
    }
)
TRIALS, BASELINES = 6, 7


class Evolver(Inline):
    """Trains populations in a simpler way: the last member begins as the first one did.

    Training stops at some cohort after population ``stop``.
    """

    def __init__(self, train: Interrupting, stop: int = 0, after: int = 1) -> None:
        super().__init__(train)
        self.train, self.stop, self.after = train, stop, after
        self.asked: list[Population] = []

    def evolve(self, population: Population, tell: Tell) -> Evolved:
        self.asked.append(population)
        rng = np.random.default_rng(population.stream)
        members = population.members
        lineages = [Lineage(base=member.base) for member in (*members[:-1], members[0])]
        for k in range(population.segments):
            tell(f"segment {k}")
            lineages = [
                each.grown(rng.uniform(*population.rises), rng.uniform(*population.rates))
                for each in lineages
            ]
        if len(self.asked) == self.stop:
            self.train.stop_at = self.train.cohorts + self.after
        count = len(members) * population.segments
        return Evolved(tuple(lineages), count, 0.5 * count)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with Storage.open(f"sqlite:///{tmp_path}/study.db") as opened:
        yield opened


def study(storage: Storage, executor: Executor, spec: StudySpec = SPEC) -> Verdict:
    return run_study(spec, storage, executor, lambda progress: None)


def candidates(storage: Storage, name: str = SPEC.name) -> list[optuna.trial.FrozenTrial]:
    found = optuna.load_study(study_name=name, storage=storage.optuna).get_trials()
    return [trial for trial in found if trial.user_attrs["kind"] == "candidate"]


def schedules(storage: Storage, name: str = SPEC.name) -> list[Schedule]:
    texts = [trial.user_attrs["schedule"] for trial in candidates(storage, name)]
    return [Schedule.model_validate_json(text) for text in texts]


def test_lineages_are_the_budget_and_what_they_cost_is_told(storage: Storage) -> None:
    executor = Evolver(Interrupting())
    verdict = study(storage, executor)
    assert [len(asked.members) for asked in executor.asked] == [4, 2]
    assert verdict.trials == TRIALS == len(candidates(storage))
    assert {len(trial.params) for trial in candidates(storage)} == {0}
    assert all(schedule.decay.shape == "knots" for schedule in schedules(storage))
    assert violations(storage) == []
    row = storage.study(SPEC.name)
    told = "2 populations, 30 trainings, 15.0 s, besides the runs of the study"
    assert str(cost(row.notes)) == told
    material = gather(storage, SPEC.name)
    facts = provenance(material)
    assert facts["Populations"] == told
    assert not any("pbt-" in label for label in facts)
    assert told in render(material, draw(material))


def test_a_population_is_drawn_from_the_space_and_shares_a_seed_with_its_replay() -> None:
    space = load_space("ana")
    first = population(SPEC, space, 4, batch=0, deadline=1.0)
    assert first == population(SPEC, space, 4, batch=0, deadline=1.0)
    assert first != population(SPEC, space, 4, batch=1, deadline=1.0)
    assert (first.seed,) == pool("search", SPEC.seed, 1)
    assert first.segments == 5
    low, high = first.rates
    assert 0.0002 <= low < 0.001 < 0.05 < high <= 0.1
    for member in first.members:
        assert space.encode(member.base) is not None
        assert member.rate == member.base.learning_rate.initial
        assert first.rises[0] <= member.rise <= first.rises[1]


@pytest.mark.parametrize(("stop", "after"), [(1, 1), (1, 2), (2, 1)])
def test_a_study_that_is_stopped_goes_on_with_what_is_noted(
    storage: Storage, stop: int, after: int
) -> None:
    with Storage.open(f"{storage.optuna.engine.url}.whole") as whole:
        expected = study(whole, Evolver(Interrupting()))
        found = schedules(whole)
    early, late = Interrupting(), Interrupting()
    with pytest.raises(KeyboardInterrupt):
        study(storage, Evolver(early, stop, after))
    executor = Evolver(late)
    assert study(storage, executor) == expected
    assert schedules(storage) == found
    assert len(executor.asked) == 2 - stop
    assert max(Counter(early.trained + late.trained).values()) == 1
    assert violations(storage) == []


def test_other_executors_are_refused_before_anything_is_trained(storage: Storage) -> None:
    train = Interrupting()
    with pytest.raises(InputError, match="`pbt` trains its populations with Ray Tune.*--ray"):
        study(storage, Inline(train))
    assert train.cohorts == 0
    done = study(storage, Evolver(train))
    assert study(storage, Inline(train)) == done


def test_specifications_say_what_does_not_fit() -> None:
    data = SPEC.model_dump(mode="json")
    task = {**data["task"], "epochs": 15}
    wrong = {**data, "task": task, "sampler": {"name": "pbt", "segments": 10}}
    with pytest.raises(ValueError, match=r"with 15 epochs one does not; take one of \[2, 3, 4"):
        StudySpec.model_validate(wrong, strict=False)
    with pytest.raises(ValueError, match="use `warm_start: none`"):
        StudySpec.model_validate({**data, "warm_start": "portfolio"}, strict=False)


def test_hashes_of_studies_without_populations_stay() -> None:
    assert "segments" not in TOY.model_dump_json()
    assert digest(SPEC) != digest(SPEC.model_copy(update={"sampler": SamplerSpec(name="pbt")}))


@pytest.mark.parametrize("epochs", range(2, 41))
def test_points_of_curves_are_where_training_takes_them(epochs: int) -> None:
    from qsched.specs.study import holds_points
    from qsched.training.record import scored_ends

    points = scored_ends(list(range(1, epochs + 1)))
    for segments in range(2, 11):
        inside = [
            any((k - 1) * epochs < point * segments <= k * epochs for point in points)
            for k in range(1, segments + 1)
        ]
        assert holds_points(epochs, segments) == all(inside)


REAL = StudySpec(
    name="real",
    task=TaskSpec(
        data=DataSpec(name="synthetic", train=256, validation=128),
        network=NetworkSpec(name="mlp3", width=8),
        epochs=4,
        batch_size=32,
    ),
    space="ana",
    baselines=("ana-ste-static",),
    static=TOY.static.model_copy(update={"backward_std": (0.5,)}),
    budget=TOY.budget.model_copy(
        update={"trials": 4, "rungs": (Rung(seeds=2),), "learning_rates": (1.0,)}
    ),
    sampler=SamplerSpec(name="pbt", batch=4, segments=4),
    confirmation=Confirmation(candidates=2, baselines=1, selection_seeds=2, report_seeds=3),
    lanes=4,
)


@pytest.mark.timeout(900)
def test_a_replay_is_what_the_population_saw(storage: Storage) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from qsched.cli.worker import train
    from qsched.execution.ray import Ray

    with Ray(train, 2) as executor:
        verdict = study(storage, executor, REAL)
    assert verdict.trials == 4
    note = storage.study("real").notes["pbt-0"]
    assert note["trainings"] == 16
    [seed] = pool("search", REAL.seed, 1)
    replayed = {
        row.run.schedule: row.result.accuracy
        for row in storage.runs("real", "search")
        if row.run.seed == seed
    }
    found = schedules(storage, "real")
    assert [replayed[schedule] for schedule in found] == note["accuracies"]
    assert violations(storage) == []
