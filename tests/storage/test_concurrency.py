"""Several processes on one database."""

import subprocess
import sys
from collections.abc import Sequence

from optuna.storages import RDBStorage

from qsched.storage import Storage
from tests.storage.conftest import SQLITE_ONLY
from tests.storage.samples import SCHEDULES, make_row

CREATE = """
import sys
from qsched.storage import Storage
from qsched.specs import digest
from tests.storage.samples import SPEC
with Storage.open(sys.argv[1]) as storage:
    storage.save_study(SPEC, digest(SPEC))
    print(storage.study("t").state)
"""

ADD = """
import sys
from qsched.storage import Storage
from tests.storage.samples import make_row
with Storage.open(sys.argv[1], create=False) as storage:
    print("ready", flush=True)
    sys.stdin.readline()
    for start in range(0, 120, 6):
        rows = [make_row(seed, arm=seed % 2) for seed in range(start, start + 12)]
        storage.add_runs("t", rows)
        storage.set_note("t", f"{sys.argv[2]}-{start}", start)
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outputs(processes: Sequence[subprocess.Popen[str]], line: str = "") -> list[tuple[str, str]]:
    """Send all of them ``line``, then return what each wrote to stdout and stderr."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(line)
        process.stdin.flush()
    return [process.communicate(timeout=60) for process in processes]


def test_processes_that_come_at_once_create_one_database(url: str) -> None:
    done = outputs([start(CREATE, url) for _ in range(4)])
    assert done == [("running\n", "")] * 4
    with Storage.open(url, create=False) as storage:
        assert len(storage.studies()) == 1


def test_two_writers_of_the_same_runs_store_each_once(storage: Storage, url: str) -> None:
    processes = [start(ADD, url, name) for name in "ab"]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    assert outputs(processes, "go\n") == [("", "")] * 2
    rows = storage.runs("t")
    assert sorted(row.run.seed for row in rows) == list(range(126))
    assert {row.run.schedule for row in rows} == set(SCHEDULES)
    assert make_row(125, arm=1) in rows
    # A note is read, changed and written; none of either process may be lost.
    assert len(storage.study("t").notes) == 2 * 20


@SQLITE_ONLY
def test_reading_goes_on_while_another_process_writes(storage: Storage, url: str) -> None:
    other = RDBStorage(url)
    with other.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        assert storage.study("t").state == "running"
        connection.rollback()
    other.scoped_session.remove()
    other.engine.dispose()
