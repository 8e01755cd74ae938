"""Ray actors: their deaths, their silence, their nodes, their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qsched.errors import InputError, TrainingError
from qsched.execution import one_by_one, split
from qsched.processes import descendants
from tests.execution import fakes
from tests.execution.test_local import alive, pids, wait_until

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

from qsched.execution.ray import Ray  # noqa: E402
from qsched.execution.ray_cluster import connect, room  # noqa: E402

NODES = """
import os, signal, sys, threading
from ray.cluster_utils import Cluster
import ray
from qsched.execution import one_by_one, split
from qsched.execution.ray import Ray
from tests.execution import fakes

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
extra = cluster.add_node(num_cpus=1)
with Ray(fakes.waits_for_two, 2, address=cluster.address) as executor:
    list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))  # One worker a node.
    for pid in fakes.folder().glob("pid-*"):
        pid.unlink()
with Ray(fakes.quick, 2, address=cluster.address) as executor:
    answers = []
    for index, _ in one_by_one(executor.run(split(fakes.make_runs(12), 1))):
        answers.append(index)
        if len(answers) == 3:
            cluster.remove_node(extra, allow_graceful=False)
print("answers", sorted(answers))
cluster.shutdown()
"""

KILLED = """
from qsched.execution import one_by_one, split
from qsched.execution.ray import Ray
from tests.execution import fakes

with Ray(fakes.slow, 2) as executor:
    list(one_by_one(executor.run(split(fakes.make_runs(4), 1))))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A local instance, and a folder through which the fakes talk with the tests."""
    path = tmp_path_factory.mktemp("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QSCHED_TEST_FOLDER", str(path))
        connection = connect(None, cpus=3)
        yield path
        if connection is not None:
            connection.close()


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> None:
    if "folder" in request.fixturenames:
        for path in request.getfixturevalue("folder").iterdir():
            path.unlink()


def test_workers_are_other_processes_of_one_thread_and_are_kept(folder: Path) -> None:
    cohorts = split(fakes.make_runs(4), 1)
    with Ray(fakes.echo, 2) as executor:
        answers = [dict(one_by_one(executor.run(cohorts))) for _ in range(2)]
    versions = [results[0].versions for each in answers for results in each.values()]
    assert {(v["omp"], v["mkl"]) for v in versions} == {("1", "1")}
    workers = {int(v["pid"]) for v in versions}
    assert len(workers) <= 2
    assert os.getpid() not in workers
    wait_until(lambda: not any(alive(pid) for pid in workers))
    assert ray.is_initialized()  # It was not this executor that started it.


def test_a_worker_computes_with_as_many_threads_as_it_has_cpus(folder: Path) -> None:
    with Ray(fakes.echo, 1, cpus=2.0) as executor:
        [(_, [result])] = one_by_one(executor.run([tuple(fakes.make_runs(1))]))
    assert (result.versions["omp"], result.versions["mkl"]) == ("2", "2")


def test_both_workers_work(folder: Path) -> None:
    with Ray(fakes.waits_for_two, 2) as executor:
        assert len(list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))) == 2


def test_a_cohort_is_trained_again_when_its_worker_dies(folder: Path) -> None:
    for token in range(2):
        (folder / f"die-{token}").touch()
    with Ray(fakes.dies_while_told, 2) as executor:
        answers = dict(one_by_one(executor.run(split(fakes.make_runs(6), 1))))
    assert [answers[index][0].steps for index in range(6)] == list(range(6))
    assert not list(folder.glob("die-*"))


def test_a_cohort_that_ends_three_workers_is_named_and_the_others_are_kept(folder: Path) -> None:
    for token in range(3):
        (folder / f"die-{token}").touch()
    finished = []
    with (
        Ray(fakes.dies_while_told, 1) as executor,
        pytest.raises(TrainingError, match=r"seeds 0 to 0\) lost its worker 3 times"),
    ):
        for index, _ in one_by_one(executor.run(split(fakes.make_runs(2), 1)[::-1])):
            finished.append(index)
    assert finished == [0]


def test_a_cohort_is_handed_on_when_its_worker_is_silent_and_one_answer_counts(
    folder: Path,
) -> None:
    (folder / "stop-6").touch()
    with Ray(fakes.stops_while_told, 2, lease=2.0) as executor:
        answers = list(one_by_one(executor.run(split(fakes.make_runs(40), 1))))
    assert sorted(index for index, _ in answers) == list(range(40))
    assert not list(folder.glob("stop-*"))


def test_a_stopped_worker_is_ended_with_the_executor(folder: Path) -> None:
    (folder / "stop-600").touch()
    with Ray(fakes.stops_while_told, 2, lease=1.0) as executor:
        assert len(list(one_by_one(executor.run(split(fakes.make_runs(3), 1))))) == 3
    [stopped] = pids(folder)
    wait_until(lambda: not alive(stopped))


def test_plugins_come_by_content_and_are_named_in_results(folder: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("x = 1\n")
    executor = Ray(fakes.with_plugins, 1, plugins=[plugin])
    plugin.unlink()
    with executor:
        [(_, [result])] = one_by_one(executor.run([tuple(fakes.make_runs(1))]))
    assert len(result.versions["mine.py"]) == 64


def test_a_plugin_that_fails_is_the_users_mistake(folder: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("1 / 0")
    with (
        Ray(fakes.echo, 1, plugins=[plugin]) as executor,
        pytest.raises(InputError, match="line 1 raises ZeroDivisionError"),
    ):
        list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))


def test_a_worker_that_fits_nowhere_is_refused(folder: Path) -> None:
    assert room(2.0, 0.0) >= 1
    with pytest.raises(InputError, match="needs 1000 CPUs and 2 GPUs, but the whole cluster has"):
        room(1000.0, 2.0)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="workers >= 1, but got 0"):
        Ray(fakes.echo, 0)
    with pytest.raises(ValueError, match="needs a number of workers"):
        Ray(fakes.echo)


def test_a_node_that_goes_takes_no_cohort_along(tmp_path: Path) -> None:
    done = _python(tmp_path, NODES)
    out, err = done.communicate(timeout=200)
    assert f"answers {list(range(12))}" in out, err


def test_all_processes_die_with_a_killed_study(tmp_path: Path) -> None:
    process = _python(tmp_path, KILLED)
    wait_until(lambda: len(pids(tmp_path)) == 2, seconds=120)
    family = descendants(process.pid)
    assert len(family) > 3
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    wait_until(lambda: not any(alive(pid) for pid in family), seconds=30)


def _python(folder: Path, program: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": root, "QSCHED_TEST_FOLDER": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
