"""The eleven faults. Each function injects its fault once and tells what that cost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer

from sqlalchemy import create_engine, text

from benchmarks.faults.injection import (
    KINDS,
    LOCAL,
    Bench,
    Shot,
    TooLate,
    follow,
    interrupted_twice,
    judged,
    resumed,
    survived,
)
from benchmarks.faults.study import Place

LEASE = 15.0
_RATES = (1e21, 1e29)
"""Learning rates, as multiples, at which runs diverge."""


class Impossible(Exception):
    """This machine does not allow the fault."""


def worker_killed(bench: Bench, number: int) -> Shot:
    """SIGKILL a worker in a cohort."""
    place, options = bench.place(), KINDS[number % 2]
    return survived(bench, place, _kind(options), options, partial(_hit, bench, place, "KILL"))


def study_killed(bench: Bench, number: int) -> Shot:
    """SIGKILL the study process, run the same command again."""
    place, options = bench.place(), KINDS[number % 2]
    return resumed(bench, place, _kind(options), options, lambda process: process.kill())


def node_removed(bench: Bench, number: int) -> Shot:
    """Remove a Ray node."""
    place = bench.place()
    with _Cluster() as cluster:
        options = ("--address", cluster.address, "--workers", "2")
        shot = survived(bench, place, "ray cluster", options, cluster.remove)
        shot.hanging += cluster.workers()
    return shot


def database_away(bench: Bench, number: int) -> Shot:
    """Stop and start PostgreSQL, or cut its connections."""
    fault = (partial(_restart, bench), partial(_cut, bench))[number % 2]
    how = ("server restarted", "connections cut")[number % 2]
    with bench.database() as url:
        return survived(bench, bench.place(url=url), how, KINDS[number // 2 % 2], fault)


def interrupted(bench: Bench, number: int) -> Shot:
    """SIGINT, twice quickly."""
    place, options = bench.place(), KINDS[number % 2]
    return resumed(bench, place, _kind(options), options, interrupted_twice(bench.rng))


def diverged(bench: Bench, number: int) -> Shot:
    """A lane diverges to NaN."""
    rates, options = (0.5, 1.0, _RATES[number // 2 % 2]), KINDS[number % 2]
    expected = bench.reference(rates)
    place = bench.place(rates=rates)
    code, gap = follow(place.start(*options), place)
    shot = Shot(f"{_kind(options)}, a learning rate x {rates[-1]:.0e}", recovery=gap)
    shot = judged(shot, place, set(expected.runs), code, expected)
    lanes = [key for key, accuracy in expected.runs.items() if accuracy is None]
    shot.notes["diverged"] = len(lanes)
    # The neighbors: runs that the study without the diverging rate has as well.
    mine = place.outcome().runs
    common = bench.expected.runs.keys() & mine.keys()
    shot.notes["neighbors"] = len(common)
    shot.notes["neighbors_changed"] = sum(
        abs((mine[key] or 0.0) - (bench.expected.runs[key] or 0.0)) > 1e-6 for key in common
    )
    if not lanes:
        raise TooLate
    return shot


def loader_raises(bench: Bench, number: int) -> Shot:
    """A task raises in its data loader on one worker only."""
    token = bench.folder / f"token-{number}-{time.monotonic_ns()}"
    place, options = bench.place(plugin=_RAISES.format(token=str(token))), KINDS[number % 2]
    shot = survived(bench, place, _kind(options), options, token.touch)
    if token.exists():
        raise TooLate
    return shot


def disk_full(bench: Bench, number: int) -> Shot:
    """The disk is full (a small tmpfs)."""
    place, options = bench.place(), KINDS[number % 2]
    disk = place.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise Impossible("mounting a tmpfs needs root")
    place.url = f"sqlite:///{disk / 'study.db'}"
    filler = disk / "filler"
    try:
        return resumed(
            bench, place, _kind(options), options, lambda _: _fill(filler), filler.unlink
        )
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)


def two_at_once(bench: Bench, number: int) -> Shot:
    """Two study processes at once; in every other case the first one is killed on the way."""
    kill, postgres = number % 2 == 1, number % 4 in (1, 2)
    with bench.database() as url:
        place = bench.place(url=url if postgres else None)
        first = place.start(*LOCAL)
        try:
            time.sleep(bench.rng.uniform(0, 1.5))
            second = place.start(*LOCAL)
            before = bench.moment(first, place)
            if kill:
                first.kill()
            code, gap = follow(second, place)
            other, _ = follow(first, place)
        except BaseException:
            place.clean(0)
            raise
        how = f"{'postgresql' if postgres else 'sqlite'}{', first killed' if kill else ''}"
        shot = Shot(how, recovery=gap if kill else 0.0, notes={"first_code": other})
        if not kill and other != 0:
            code = other
        return judged(shot, place, before, code, bench.expected)


def worker_stalls(bench: Bench, number: int) -> Shot:
    """A worker stalls (SIGSTOP for longer than its lease), then wakes up."""
    place, options = bench.place(), KINDS[number % 2]
    return survived(bench, place, _kind(options), options, partial(_hit, bench, place, "STOP"))


def clock_jumps(bench: Bench, number: int) -> Shot:
    """The wall clock of all processes jumps, forward or back, by up to three days."""
    shim = bench.folder / "clock.so"
    if not shim.exists():
        source = Path(__file__).with_name("clock.c")
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(source), "-ldl"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise Impossible("moving the clock of a process needs a C compiler")
    place, options = bench.place(), KINDS[number % 2]
    clock = place.folder / "clock"
    clock.write_text("0")
    jump = int(bench.rng.uniform(60, 3 * 86400)) * (1 if number % 4 in (1, 2) else -1)
    return survived(
        bench,
        place,
        f"{_kind(options)}, {jump:+d} s",
        options,
        lambda: _replace(clock, str(jump)),
        environment={"LD_PRELOAD": str(shim), "QSCHED_FAULTS_CLOCK": str(clock)},
    )


ROWS: tuple[Callable[[Bench, int], Shot], ...] = (
    worker_killed,
    study_killed,
    node_removed,
    database_away,
    interrupted,
    diverged,
    loader_raises,
    disk_full,
    two_at_once,
    worker_stalls,
    clock_jumps,
)

_RAISES = """
import qsched.training as _training

_train = _training.train

def _loaded(runs, **options):
    try:
        os.unlink({token!r})
    except FileNotFoundError:
        return _train(runs, **options)
    raise OSError("this worker cannot read its data")

_training.train = _loaded
"""
"""Where a cohort's data is loaded, the first worker that finds the token raises."""


class _Cluster:
    """A Ray cluster of two nodes in a process of its own."""

    def __enter__(self) -> _Cluster:
        root = Path(__file__).parents[2]
        self._mark = f"cluster-{time.monotonic_ns()}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.cluster"],
            cwd=root,
            env={**os.environ, "QSCHED_FAULTS_CLUSTER": self._mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            raise TooLate  # Ray gives up on nodes that start slowly.
        return self

    def remove(self) -> None:
        """Kill one node with all that runs on it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("remove\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def workers(self) -> int:
        """Return how many workers still live some seconds after the study's end."""
        end = time.monotonic() + 10
        while (count := self._count()) and time.monotonic() < end:
            time.sleep(0.2)
        return count

    def _count(self) -> int:
        mark, count = f"QSCHED_FAULTS_CLUSTER={self._mark}".encode(), 0
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                worker = (entry / "cmdline").read_bytes().startswith(b"ray::RayWorker")
                count += worker and mark in (entry / "environ").read_bytes()
        return count

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=60)
        if self._process.poll() is None:
            self._process.kill()


def _kind(options: tuple[str, ...]) -> str:
    return "ray" if "--ray" in options else "local"


def _hit(bench: Bench, place: Place, name: str) -> None:
    """Send a random worker SIGKILL, or SIGSTOP and, five seconds after its lease, SIGCONT."""
    workers = place.workers()
    if not workers:
        raise TooLate
    pid = bench.rng.choice(workers)
    with suppress(OSError):
        os.kill(pid, signal.Signals[f"SIG{name}"])
    if name == "STOP":
        timer = Timer(LEASE + 5, _wake, [pid])
        timer.daemon = True
        timer.start()


def _wake(pid: int) -> None:
    with suppress(OSError):
        os.kill(pid, signal.SIGCONT)


def _restart(bench: Bench) -> None:
    bench.postgres.stop()
    time.sleep(bench.rng.uniform(0.5, 3.0))
    bench.postgres.ensure_postgres_running()


def _cut(bench: Bench) -> None:
    from tests.postgres import server_url

    engine = create_engine(server_url(bench.postgres))
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname LIKE 'qsched%'"
            )
        )
    engine.dispose()


def _fill(file: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while stream.write(b"\0" * 4096):
            pass


def _replace(file: Path, content: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(content)
    new.replace(file)
