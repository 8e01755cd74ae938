"""Workers of this machine: their start, their deaths, their end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qsched.errors import InputError, TrainingError
from qsched.execution import Local, one_by_one, split
from tests.execution import fakes

SCRIPT = """
import sys
from qsched.execution import Local, one_by_one, split
from tests.execution import fakes

if __name__ == "__main__":
    try:
        with Local(fakes.slow, 2) as executor:
            for _ in one_by_one(executor.run(split(fakes.make_runs(4), 1))):
                pass
    except KeyboardInterrupt:
        sys.exit(130)
"""

UNGUARDED = """
from qsched.errors import TrainingError
from qsched.execution import Local, one_by_one, split
from tests.execution import fakes

try:
    with Local(fakes.echo, 1) as executor:
        list(one_by_one(executor.run(split(fakes.make_runs(1), 1))))
except TrainingError as error:
    print(error)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder through which the fakes talk with the tests."""
    monkeypatch.setenv("QSCHED_TEST_FOLDER", str(tmp_path))
    return tmp_path


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def pids(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be noticed by its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def start_script(folder: Path, text: str = SCRIPT) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(text)
    return subprocess.Popen(
        [sys.executable, str(folder / "script.py")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_workers_have_one_thread_and_this_process_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with Local(fakes.echo, 1) as executor:
        [(_, [result])] = one_by_one(executor.run([tuple(fakes.make_runs(1))]))
    assert (result.versions["omp"], result.versions["mkl"]) == ("1", "1")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_torch_has_one_thread_in_workers() -> None:
    with Local(fakes.with_torch, 1) as executor:
        [(_, [result])] = one_by_one(executor.run([tuple(fakes.make_runs(1))]))
    assert result.versions == {"threads": "1"}


def test_workers_are_kept_between_calls_and_are_other_processes() -> None:
    cohorts = split(fakes.make_runs(2), 1)
    with Local(fakes.echo, 1) as executor:
        seen = {
            r.versions["pid"]
            for _ in range(3)
            for _, rs in one_by_one(executor.run(cohorts))
            for r in rs
        }
    assert len(seen) == 1
    assert str(os.getpid()) not in seen
    assert not alive(int(seen.pop()))


def test_both_workers_work(folder: Path) -> None:
    with Local(fakes.waits_for_two, 2) as executor:
        assert len(list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))) == 2


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_cohort_is_trained_again_when_its_worker_dies(folder: Path, deaths: int) -> None:
    for token in range(deaths):
        (folder / f"die-{token}").touch()
    with Local(fakes.dies_while_told, 2) as executor:
        answers = dict(one_by_one(executor.run(split(fakes.make_runs(6), 1))))
    assert [answers[index][0].steps for index in range(6)] == list(range(6))
    assert not list(folder.glob("die-*"))


def test_a_cohort_that_ends_three_workers_is_named_and_the_others_are_kept(folder: Path) -> None:
    for token in range(5):
        (folder / f"die-{token}").touch()
    cohorts = split(fakes.make_runs(2), 1)[::-1]
    finished = []
    with (
        Local(fakes.dies_while_told, 1) as executor,
        pytest.raises(TrainingError, match=r"seeds 0 to 0\) ended its worker 3 times.*code -9"),
    ):
        for index, _ in one_by_one(executor.run(cohorts)):
            finished.append(index)
    assert finished == [0]
    assert len(list(folder.glob("die-*"))) == 2


def test_a_worker_that_stalls_is_replaced(folder: Path) -> None:
    (folder / "stop-600").touch()
    with Local(fakes.stops_while_told, 2, lease=3.0) as executor:
        answers = list(one_by_one(executor.run(split(fakes.make_runs(6), 1))))
    assert sorted(index for index, _ in answers) == list(range(6))
    assert not any(alive(pid) for pid in pids(folder))


def test_a_cohort_that_silences_three_workers_is_named(folder: Path) -> None:
    for token in ("stop-600", "stop-601", "stop-602"):
        (folder / token).touch()
    with (
        Local(fakes.stops_while_told, 1, lease=1.0) as executor,
        pytest.raises(TrainingError, match=r"lost its worker 3 times.*no sign of life for 1 s"),
    ):
        list(one_by_one(executor.run(split(fakes.make_runs(1), 1))))


def test_a_worker_that_trains_for_longer_than_its_lease_is_kept(folder: Path) -> None:
    with Local(fakes.busy_for_long, 1, lease=2.0) as executor:
        [(_, [result])] = one_by_one(executor.run([tuple(fakes.make_runs(1))]))
    assert int(result.versions["pid"]) in pids(folder)
    assert len(pids(folder)) == 1


def test_what_one_worker_raises_another_one_may_train(folder: Path) -> None:
    for token in range(2):
        (folder / f"raise-{token}").touch()
    with Local(fakes.raises_while_told, 2) as executor:
        answers = dict(one_by_one(executor.run(split(fakes.make_runs(4), 1))))
    assert sorted(answers) == [0, 1, 2, 3]
    for token in range(3):
        (folder / f"raise-{token}").touch()
    with (
        Local(fakes.raises_while_told, 1) as executor,
        pytest.raises(TrainingError, match="OSError: this machine cannot read its disk"),
    ):
        list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))


def test_a_worker_that_dies_idle_is_replaced() -> None:
    cohort = tuple(fakes.make_runs(1))
    with Local(fakes.echo, 1) as executor:
        [(_, [before])] = one_by_one(executor.run([cohort]))
        os.kill(int(before.versions["pid"]), signal.SIGKILL)
        wait_until(lambda: not alive(int(before.versions["pid"])))
        [(_, [after])] = one_by_one(executor.run([cohort]))
    assert before.versions["pid"] != after.versions["pid"]


def test_plugins_are_loaded_in_workers(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("import os; os.environ['OMP_NUM_THREADS'] = 'from the plugin'")
    with Local(fakes.echo, 1, plugins=[plugin]) as executor:
        [(_, [result])] = one_by_one(executor.run([tuple(fakes.make_runs(1))]))
    assert result.versions["omp"] == "from the plugin"


def test_a_plugin_that_fails_is_the_users_mistake(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("1 / 0")
    with (
        Local(fakes.echo, 2, plugins=[plugin]) as executor,
        pytest.raises(InputError, match="line 1 raises ZeroDivisionError"),
    ):
        list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))


def test_workers_start_when_told_and_call_their_initializer_first(folder: Path) -> None:
    with Local(fakes.echo, 3, initializer=fakes.raises_at_first) as executor:
        assert pids(folder) == []
        executor.start(2)
        wait_until(lambda: len(pids(folder)) == 2)
        first = set(pids(folder))
        answers = list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))
    assert {int(result.versions["pid"]) for _, [result] in answers} <= first
    assert set(pids(folder)) == first


def test_a_worker_that_dies_in_its_initializer_is_replaced(folder: Path) -> None:
    (folder / "die-0").touch()
    with Local(fakes.echo, 1, initializer=fakes.dies_at_first) as executor:
        assert len(list(one_by_one(executor.run(split(fakes.make_runs(2), 1))))) == 2
    assert not list(folder.glob("die-*"))


@pytest.mark.parametrize("deaths", [2, 3])
def test_a_worker_that_is_killed_while_it_starts_is_replaced_twice(
    folder: Path, deaths: int
) -> None:
    for token in range(deaths):
        (folder / f"die-{token}").touch()
    plugin = folder / "plugin.py"
    plugin.write_text("from tests.execution import fakes\nfakes.dies_at_first()\n")
    with Local(fakes.echo, 1, plugins=[plugin]) as executor:
        answers = one_by_one(executor.run(split(fakes.make_runs(2), 1)))
        if deaths == 2:
            assert len(list(answers)) == 2
        else:
            with pytest.raises(TrainingError, match="exit code -9 before it was ready"):
                list(answers)


def test_leaving_ends_busy_workers_at_once(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), Local(fakes.slow_but_first, 2) as executor:
        for _ in one_by_one(executor.run(split(fakes.make_runs(3), 1))):
            wait_until(lambda: len(pids(folder)) == 2)
            start = time.monotonic()
            raise ZeroDivisionError
    assert time.monotonic() - start < 5
    assert not any(alive(pid) for pid in pids(folder))


def test_workers_die_with_a_killed_parent(folder: Path) -> None:
    script = start_script(folder)
    wait_until(lambda: len(pids(folder)) == 2)
    script.kill()
    assert script.communicate(timeout=20) == ("", "")
    wait_until(lambda: not any(alive(pid) for pid in pids(folder)), seconds=5)


@pytest.mark.parametrize("moment", ["while they start", "while they work"])
def test_ctrl_c_ends_all_without_noise(folder: Path, moment: str) -> None:
    script = start_script(folder)
    if moment == "while they work":
        wait_until(lambda: len(pids(folder)) == 2)
    else:
        children = Path(f"/proc/{script.pid}/task/{script.pid}/children")
        wait_until(lambda: len(children.read_text().split()) >= 2)
    os.killpg(script.pid, signal.SIGINT)  # A terminal sends it to the whole group.
    assert script.communicate(timeout=20) == ("", "")
    assert script.returncode == 130
    assert not any(alive(pid) for pid in pids(folder))


def test_a_script_without_a_guard_is_told_so(folder: Path) -> None:
    script = start_script(folder, UNGUARDED)
    out, _ = script.communicate(timeout=20)
    assert "ended with exit code 1 before it was ready" in out
    assert 'if __name__ == "__main__":' in out


def test_a_training_function_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(TypeError, match="must be top-level functions"):
        Local(lambda runs: [], 1)
    with pytest.raises(TypeError, match="must be top-level functions"):
        Local(fakes.echo, 1, initializer=lambda: None)


def test_workers_must_be_positive() -> None:
    with pytest.raises(ValueError, match="workers >= 1, but got 0"):
        Local(fakes.echo, 0)
