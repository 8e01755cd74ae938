"""The command line in this process, in an empty folder, and a toy study on a surrogate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qsched.cli import main
from tests.study import surrogate

TOY = """\
format: qsched/study/1
name: toy
task:
  data: {name: digits, validation: 400}
  network: {name: mlp9, width: 16}
  epochs: 10
  batch_size: 32
space: ana
baselines: [ana-ste-static, ana-2019-overlapped]
budget:
  trials: 4
  rungs: [{seeds: 2}, {seeds: 4}]
  learning_rates: [1.0]
sampler: {batch: 4}
confirmation: {candidates: 2, baselines: 2, selection_seeds: 3, report_seeds: 4}
lanes: 8
"""


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


Qsched = Callable[..., Result]


@pytest.fixture
def qsched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Qsched:
    """Run a command in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QSCHED_ENGINE", "auto")  # What a command sets there ends with the test.
    for name in ("QSCHED_DB", "QSCHED_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: object) -> Result:
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study file; what commands train in this process is a surrogate."""
    monkeypatch.setattr("qsched.cli.executors.train", surrogate.train)
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return path
