"""The example plugin, as a user would use it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from qsched.plugins import load_plugin
from qsched.schedules.file import load_schedule
from qsched.specs import Run, StudySpec
from qsched.specs.files import load_study
from qsched.tasks import build_network, load_data, parameters
from qsched.training import train

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def study() -> StudySpec:
    load_plugin(EXAMPLES / "my_task.py")
    return load_study(EXAMPLES / "my-study.yaml")


def test_its_data_set(study: StudySpec) -> None:
    data = load_data(study.task.data)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [300, 150, 114]
    assert (data.shape, data.classes) == ((30,), 2)
    assert (
        np.bincount(data.test.y).tolist() == np.bincount(load_breast_cancer().target[::5]).tolist()
    )
    assert data.train.x.std(axis=0) == pytest.approx(np.ones(30), rel=1e-4)


def test_its_network(study: StudySpec) -> None:
    layers = build_network(study.task, classes=2)
    expected = 30 * 24 + 2 * 24 * 24 + 24 * 12 + 2 * 12 * 12 + 2 * 3 * (24 + 12) + 2 * 12 + 2
    assert parameters(layers, (30,)) == expected


def test_it_trains(study: StudySpec) -> None:
    schedule = load_schedule("ana-2019-overlapped").schedule
    (result,) = train([Run(task=study.task, schedule=schedule, seed=7)])
    assert result.status == "finished"
    majority = np.bincount(load_data(study.task.data).validation.y).max() / 150
    assert result.accuracy is not None
    assert result.accuracy > majority + 0.1
