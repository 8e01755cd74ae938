"""What training by native lanes promises beyond the numbers of torch lanes."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from qsched.errors import InputError, UnknownNameError
from qsched.native import covers, names
from qsched.native.engine import train_lane
from qsched.quantizers import CODEBOOKS, FAMILIES
from qsched.quantizers.inq import Binary, PowersOfTwo, Ternary, Uniform
from qsched.specs import DataSpec, NetworkSpec, Run, TaskSpec
from qsched.tasks import task_plan, trains_alone
from qsched.training import native, prepare, train
from tests.native.compare import DIGITS, annealing, freezing, task

SHORT = task("mlp9", epochs=1, data=DIGITS.model_copy(update={"train": 200}))


def cohort(count=5):
    schedules = (
        annealing("logistic", "random"),
        annealing(),
        freezing("random"),
        annealing("normal"),
    )
    return [Run(task=SHORT, schedule=schedules[i % 4], seed=i) for i in range(count)]


def plain(results):
    return [result.model_copy(update={"seconds": 0.0}) for result in results]


def test_threads_change_nothing():
    runs = cohort()
    assert plain(native.train(runs, threads=1)) == plain(native.train(runs, threads=2))


def test_other_lanes_change_nothing():
    runs = cohort()
    together = plain(native.train(runs, threads=1))
    assert plain(native.train(runs[::-1], threads=2))[::-1] == together
    assert [plain(native.train([run], threads=1))[0] for run in runs] == together


def test_parameters_are_equal_bit_for_bit():
    lanes = []
    for _ in range(2):
        lane = native.Lane(native.Cohort(cohort(), np.dtype("float32")), 0)
        lane.train()
        lanes.append(lane)
    for name, first in lanes[0].state._asdict().items():
        assert (first == getattr(lanes[1].state, name)).all(), name


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 7, 100])
def test_groups_are_all_runs_in_their_order(threads, count):
    runs = [Run(task=SHORT, schedule=annealing(), seed=seed) for seed in range(count)]
    groups = native.Cohort(runs, np.dtype("float32")).groups(threads)
    assert [i for group in groups for i in group] == list(range(count))
    # Each thread has several to take, so that none waits long for another at the end.
    assert threads == 1 or len(groups) >= min(count, 4 * threads)


def test_large_lanes_are_prepared_one_by_one(monkeypatch):
    monkeypatch.setattr(native, "MEMORY", 100_000)
    groups = native.Cohort(cohort(3), np.dtype("float32")).groups(1)
    assert groups == [range(1), range(1, 2), range(2, 3)]


ALONE = """
import sys
from qsched.specs import Run
from qsched.training import prepare, train

run = Run.model_validate_json(sys.stdin.read())
prepare(run.task)
print(train([run])[0].accuracy, "torch" in sys.modules)
"""


def test_native_lanes_do_without_torch():
    run = Run(task=task(), schedule=annealing(), seed=3)
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        input=run.model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(native.train([run])[0].accuracy), "False"]


def test_codebooks_are_those_of_quantizers():
    kinds = {
        "ternary": Ternary,
        "binary": Binary,
        "uniform": Uniform,
        "powers of two": PowersOfTwo,
    }
    found = {name: (kinds[kind], bits) for name, (kind, bits) in names.CODEBOOKS.items()}
    expected = {name: (type(book), getattr(book, "bits", 0)) for name, book in CODEBOOKS.items()}
    assert found == expected
    assert tuple(FAMILIES) == names.NOISE


def test_results_say_all_that_is_asked_of_them():
    run = Run(task=task(epochs=12), schedule=annealing(), seed=1, length=0.5, evaluate="test")
    (result,) = native.train([run], threads=1)
    (peer,) = train([run], engine="torch")
    assert result.key == run.key
    assert result.status == "finished"
    assert result.steps == peer.steps == 60
    assert [p.step for p in result.curve] == [p.step for p in peer.curve]
    assert result.seconds > 0
    assert result.versions["engine"] == "native-lanes"
    assert result.versions["dtype"] == "float32"
    assert result.versions.keys() == peer.versions.keys()


def test_denormals_of_the_caller_are_left_alone():
    lane = native.Lane(native.Cohort(cohort(1), np.dtype("float32")), 0, 2)
    lane.train()
    assert np.float32(1e-30) * np.float32(1e-10) > 0
    assert (torch.tensor(1e-30) * torch.tensor(1e-10)).item() > 0


def test_engine_is_chosen_by_itself():
    run = Run(task=SHORT, schedule=annealing(), seed=0)

    def engine(**options):
        return train([run], **options)[0].versions["engine"]

    assert engine(engine="auto") == "native-lanes"
    assert engine(engine="torch") == "torch-lanes"
    assert engine(engine="native") == "native-lanes"
    with pytest.raises(UnknownNameError, match="turbo"):
        engine(engine="turbo")


def test_environment_names_the_engine(monkeypatch):
    run = Run(task=SHORT, schedule=annealing(), seed=0)
    for name in ("torch", "native"):
        monkeypatch.setenv("QSCHED_ENGINE", name)
        assert train([run])[0].versions["engine"] == f"{name}-lanes"


RESIDUAL = TaskSpec(
    data=DIGITS, network=NetworkSpec(name="resnet20", width=2), epochs=1, batch_size=330
)


def test_what_is_not_covered_trains_by_torch_lanes():
    run = Run(task=RESIDUAL, schedule=annealing(), seed=0)
    assert train([run], engine="auto")[0].versions["engine"] == "torch-lanes"
    with pytest.raises(InputError, match="Residual"):
        train([run], engine="native")


def test_runs_train_alone_where_native_lanes_cover_their_task(monkeypatch):
    assert trains_alone(SHORT)
    assert not trains_alone(RESIDUAL)
    monkeypatch.setenv("QSCHED_ENGINE", "torch")
    assert not trains_alone(SHORT)


def test_reasons(monkeypatch):
    plan, _ = task_plan(SHORT)
    assert covers(plan, SHORT) is None
    moved = DataSpec(name="digits", train=200, validation=100, augment=True)
    assert "augment" in covers(plan, SHORT.model_copy(update={"data": moved}))
    monkeypatch.setattr("qsched.native.coverage.find_spec", lambda name: None)
    assert "qsched[native]" in covers(plan, SHORT)


def test_what_is_prepared_is_not_compiled_again(monkeypatch):
    compiled = []
    monkeypatch.setattr("qsched.training.native._PREPARED", set())
    monkeypatch.setattr(
        "qsched.training.native.compile_once", lambda function, _: compiled.append(function)
    )
    prepare(SHORT)
    assert compiled == [train_lane]
    train([Run(task=SHORT, schedule=annealing(), seed=0)])
    assert compiled == [train_lane]


def test_what_is_not_covered_needs_no_compiled_code(monkeypatch):
    monkeypatch.setattr("qsched.training.native._PREPARED", set())
    prepare(RESIDUAL)
    monkeypatch.setenv("QSCHED_ENGINE", "native")
    with pytest.raises(InputError, match="Residual"):
        prepare(RESIDUAL)


def test_mean_accuracy_of_whole_trainings():
    schedule = annealing("logistic", std=0.5, rate=0.02)
    sized = task("mlp3", data=DataSpec(name="digits", train=640, validation=300), epochs=3)
    runs = [Run(task=sized, schedule=schedule, seed=seed) for seed in range(64)]
    # Other seeds: with the same ones, most trainings would agree to the last digit.
    others = [run.model_copy(update={"seed": run.seed + 1000}) for run in runs]
    mine, theirs = (
        np.array([result.accuracy for result in results])
        for results in (native.train(runs), train(others, engine="torch"))
    )
    error = np.sqrt(mine.var(ddof=1) / len(mine) + theirs.var(ddof=1) / len(theirs))
    assert abs(mine.mean() - theirs.mean()) < 2 * error
    assert mine.mean() > 0.5
