"""The tasks of SchedBench: what their file says of networks and data is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qsched.errors import SpecError, UnknownNameError
from qsched.files import bundled
from qsched.lanes.layers import Conv, Linear
from qsched.learning.bench.tasks import BenchTask, chosen, features, load_bench_spec
from qsched.quantizers import stair
from qsched.specs import DataSpec, Run, TaskSpec
from qsched.tasks import build_network, load_data, step_counts
from tests.learning.fabricate import make_bench

TASKS = chosen(load_bench_spec())
NO_FILES = ("digits", "breast-cancer")

PUBLISHED_INPUTS = {"fashion-mnist": (1, 28), "cifar10": (3, 32)}
"""Channels and side of images whose files need not be here."""


def test_there_are_at_least_sixteen_tasks_of_four_data_sets_with_controls() -> None:
    table = features(TASKS)
    assert len(set(table.name)) == len(table) >= 16
    assert len(set(table.dataset)) == 4
    assert set(table.weights) == {"ternary", "binary", "2-bit"}
    assert set(table.budget) == {"short", "long"}
    for dataset in set(table.dataset):
        assert table.control[table.dataset == dataset].any()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_features_are_those_of_the_network(task: BenchTask) -> None:
    layers = build_network(task.spec, task.data.classes)
    quantized = [x for x in layers if isinstance(x, Linear | Conv) and x.quantized]
    assert len(quantized) == task.network.depth
    hidden = quantized[-1]
    fan_in = task.network.width * (hidden.kernel**2 if isinstance(hidden, Conv) else 1)
    assert task.network.fan_in == fan_in
    levels = stair(task.precision.weights, 1.0).levels
    assert task.precision.levels == len(levels)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_features_are_those_of_the_data(task: BenchTask) -> None:
    if task.data.name not in NO_FILES:
        channels, side = PUBLISHED_INPUTS[task.data.name]
        assert task.data.inputs == channels * (side // task.data.pool) ** 2
        return
    data = load_data(task.spec.data)
    assert task.data.inputs == np.prod(data.shape)
    assert task.data.classes == data.classes
    assert task.data.train == len(data.train)


def test_steps_are_those_of_training() -> None:
    table = features(TASKS)
    schedule = make_bench(design=1)[0].arms.arm("hand-coded")
    for name, steps, train in zip(table.name, table.steps, table.train, strict=True):
        run = Run(task=table.task(name), schedule=schedule, seed=0)
        assert step_counts(run, int(train))[1] == steps


def test_tasks_are_chosen_by_pattern() -> None:
    bench = load_bench_spec()
    names = [task.name for task in chosen(bench, ["digits-mlp3-*", "*-cnn9-*"])]
    assert names
    assert all(name.startswith("digits-mlp3") or "-cnn9-" in name for name in names)
    with pytest.raises(UnknownNameError, match="digits-mlp9-ternary-short"):
        chosen(bench, ["digits-mlp9-ternary-shrt"])


def test_every_unknown_name_of_a_file_is_reported(tmp_path: Path) -> None:
    text = (bundled("studies/bench") / "tasks.yaml").read_text()
    path = tmp_path / "tasks.yaml"
    path.write_text(
        text + "  - [digit, mlp9, ternary, short]\n  - [digits, mlp9, quinary, short]\n"
    )
    with pytest.raises(SpecError) as error:
        load_bench_spec(path)
    assert len(error.value.problems) == 2
    assert "did you mean `digits`" in str(error.value)
    assert "quinary" in str(error.value)


def test_the_data_of_a_task_is_part_of_its_specification() -> None:
    task = TaskSpec.model_validate_json(features(TASKS).spec[0])
    assert task.data == DataSpec(name="digits", train=960, validation=400)
