"""What is known of a task before it is trained."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qsched.errors import UnknownNameError
from qsched.specs import DataSpec, NetworkSpec, TaskSpec
from qsched.tasks import is_native

TASK = TaskSpec(
    data=DataSpec(name="digits", train=200, validation=100),
    network=NetworkSpec(name="mlp3", width=8),
    epochs=1,
    batch_size=20,
)


def test_native_lanes_train_on_cpus() -> None:
    assert is_native(TASK)
    assert not is_native(TASK, device="cuda:1")
    assert not is_native(TASK, engine="torch")


def test_an_unknown_engine() -> None:
    with pytest.raises(UnknownNameError, match="jax"):
        is_native(TASK, engine="jax")


def test_a_task_is_checked_without_what_trains_it() -> None:
    code = (
        "import sys\n"
        "from qsched.cli.stored import check_task\n"
        "from qsched.cli.worker import alone\n"
        "from qsched.specs.files import load_study\n"
        "task = load_study('digits-ana').task\n"
        "print(len(check_task(task)), alone(task))\n"
        "print(*sorted({'torch', 'numba', 'sklearn', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "18 True\n\n"
