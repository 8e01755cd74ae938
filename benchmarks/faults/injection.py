"""One injection: a study is started, disturbed at a random moment, and followed to its end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.faults.study import LIMIT, Outcome, Place, compared, undisturbed, wait

LOCAL, RAY = ("--workers", "2"), ("--ray", "--workers", "2")
KINDS = (LOCAL, RAY)


@dataclass
class Shot:
    """What one injection cost.

    ``recovery`` is the longest time after the fault in which no run was stored (with PostgreSQL,
    after it was back), from the fault or from the second start to the end of the command.
    ``broken`` are the rules of ``qsched db check`` that the database breaks.
    """

    how: str
    lost: int = 0
    twice: int = 0
    budget: int = 0
    hanging: int = 0
    recovery: float = 0.0
    trained_again: int = 0
    same_verdict: bool = False
    broken: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether it meets the goals."""
        counts = self.lost, self.twice, self.budget, self.hanging
        return self.same_verdict and not any(counts) and not self.broken

    def json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


class TooLate(Exception):
    """The study ended before the fault; the injection does not count."""


class Bench:
    """What all injections share.

    Args:
        folder: an empty folder.
        rng: of the random moments.
        stack: closes servers in the end.
    """

    def __init__(self, folder: Path, rng: random.Random, stack: ExitStack) -> None:
        self.folder, self.rng, self._stack = folder, rng, stack
        self._count = 0
        self._references: dict[Sequence[float], Outcome] = {}
        reference = undisturbed(Place(folder / "undisturbed"))
        self.expected, self.seconds = reference.outcome, reference.seconds
        # Two workers take less than one; later moments would often be too late.
        self.active = 0.5 * reference.training

    def place(self, **options: Any) -> Place:
        """Return a new folder with the study."""
        self._count += 1
        return Place(self.folder / str(self._count), **options)

    def reference(self, rates: Sequence[float]) -> Outcome:
        """Return what the undisturbed study leaves with other learning rates of baselines."""
        if rates not in self._references:
            self._references[rates] = undisturbed(self.place(rates=rates)).outcome
        return self._references[rates]

    @cached_property
    def postgres(self) -> Any:
        """A PostgreSQL server of one's own."""
        from tests.postgres import local_server

        return self._stack.enter_context(local_server())

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create a database on the server, and drop it in the end."""
        from tests.postgres import fresh_database, server_url

        with fresh_database(server_url(self.postgres)) as url:
            yield url

    def moment(self, process: subprocess.Popen[bytes], place: Place) -> set[str]:
        """Wait for a random moment of a running study; return the runs that are stored then.

        Raises:
            TooLate: the study has ended before.
        """
        end = time.monotonic() + LIMIT
        while not place.stored():
            if process.poll() is not None or time.monotonic() > end:
                raise TooLate
            time.sleep(0.05)
        time.sleep(self.rng.uniform(0, self.active))
        if process.poll() is not None:
            raise TooLate
        return place.stored()


def follow(process: subprocess.Popen[bytes], place: Place) -> tuple[int | None, float]:
    """Wait for the end of a command; return its code and the longest time without a new run."""
    began = last = time.monotonic()
    known, gap = place.stored(), 0.0
    while process.poll() is None and time.monotonic() - began < LIMIT:
        now = place.stored()
        if now - known:
            gap, last, known = max(gap, time.monotonic() - last), time.monotonic(), known | now
        time.sleep(0.05)
    return wait(process, 0.1), max(gap, time.monotonic() - last)


def judged(shot: Shot, place: Place, before: set[str], code: int | None, like: Outcome) -> Shot:
    """Count what a study has lost and doubled, and compare it with the undisturbed one."""
    shot.hanging += place.clean() + (code is None)
    seen = compared(like, place)
    shot.lost = len(before - place.stored())
    shot.twice, shot.budget = seen.pop("twice", 0), seen.pop("budget", -1)
    shot.same_verdict = bool(seen.pop("same_verdict", False))
    shot.broken = seen.pop("broken")
    shot.trained_again = place.trained_again()
    shot.notes |= {"code": code, "load": round(os.getloadavg()[0], 1), **seen}
    if not shot.good:
        shot.notes["said"] = place.said()
    return shot


def survived(
    bench: Bench,
    place: Place,
    how: str,
    options: tuple[str, ...],
    fault: Callable[[], None],
    **start: Any,
) -> Shot:
    """Disturb a study that must go on by itself."""
    process = place.start(*options, **start)
    try:
        before = bench.moment(process, place)
        fault()
        code, gap = follow(process, place)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return judged(Shot(how, recovery=gap), place, before, code, bench.expected)


def resumed(
    bench: Bench,
    place: Place,
    how: str,
    options: tuple[str, ...],
    stop: Callable[[subprocess.Popen[bytes]], None],
    mend: Callable[[], None] = lambda: None,
) -> Shot:
    """Stop a study, and run the same command again."""
    process = place.start(*options)
    try:
        before = bench.moment(process, place)
        stop(process)
        first = wait(process, 60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    shot = Shot(how, notes={"first_code": first})
    shot.hanging = place.clean() + (first is None)
    mend()
    code, shot.recovery = follow(place.start(*options), place)
    return judged(shot, place, before, code, bench.expected)


def interrupted_twice(rng: random.Random) -> Callable[[subprocess.Popen[bytes]], None]:
    """Return what presses Ctrl-C twice within half a second, for the whole terminal."""

    def press(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(rng.uniform(0, 0.5))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)

    return press
