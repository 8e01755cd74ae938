"""The command line in this process, in an empty folder, and a toy study on a surrogate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qsched.cli import main
from tests.study import surrogate
from tests.study.toy import TOY


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
