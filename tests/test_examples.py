"""The example plugin, as a user would use it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
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


def conformance(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the example's tests in a folder, as a user would."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_my_task.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_its_own_tests_pass_and_are_what_the_documentation_shows() -> None:
    done = conformance(EXAMPLES)
    assert done.returncode == 0, done.stdout
    [passed] = re.findall(r"(\d+) passed", done.stdout)
    page = (EXAMPLES.parent / "docs" / "tasks.md").read_text()
    assert f"runs {passed} tests" in page
    [shown] = re.findall(r"^```python\n(from pathlib.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert (EXAMPLES / "test_my_task.py").read_text().endswith(shown)


def test_its_own_tests_find_a_leak_and_a_width_that_is_ignored(tmp_path: Path) -> None:
    plugin = (EXAMPLES / "my_task.py").read_text()
    faulty = plugin.replace("Raw(x[~test], y[~test])", "Raw(x, y)").replace("width or 16", "16")
    (tmp_path / "my_task.py").write_text(faulty)
    shutil.copy(EXAMPLES / "test_my_task.py", tmp_path)
    done = conformance(tmp_path)
    failed = re.findall(r"^FAILED .*::(\w+)", done.stdout, re.MULTILINE)
    assert failed == ["test_no_example_is_in_two_splits", "test_more_width_is_more_parameters"]


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
