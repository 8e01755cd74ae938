"""Compare the wall time of a study with two workers to that with one.

    python -m benchmarks.two_workers digits-ana digits-tnn --rounds 5

The whole command `qsched run` is timed, from its start to its end, each time with a new database:
import, sampling, storage, confirmation and report are in it. Every worker has one thread: a single
one would train in as many as there are cores otherwise. Rounds with one worker and with two
alternate, and so does which comes first; ratios are taken within a round. Before them, one study
goes untimed, so that compiled code is there. The goal is a median ratio of at most 0.6; every
round must end with the same runs and the same verdict. The exit code is 0 if all studies reach it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.throughput.machine import RESULTS, machine
from qsched.specs.files import load_study
from qsched.storage import Storage

GOAL = 0.6


@dataclass(frozen=True)
class Round:
    """Seconds of a study with one worker and with two, one after the other."""

    one: float
    two: float

    @property
    def ratio(self) -> float:
        """Time with two workers by that with one."""
        return self.two / self.one


@dataclass(frozen=True)
class Finished:
    """A study that ended: its seconds, and all that it found."""

    seconds: float
    runs: dict[str, float | None]
    verdict: object


def main() -> int:
    options = _options()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    about = machine()
    found = {study: rounds(study, options.rounds) for study in options.studies}
    for study, each in found.items():
        print(line(study, each), flush=True)
    path = RESULTS / f"two-workers-{about['time'][:10]}.json"
    content = {study: [asdict(one) for one in each] for study, each in found.items()}
    path.write_text(
        json.dumps({"machine": about, "goal": GOAL, "rounds": content}, indent=1) + "\n"
    )
    print(f"written to {path.name}")
    return int(any(median(each) > GOAL for each in found.values()))


def rounds(study: str, count: int) -> list[Round]:
    """Time a study ``count`` times with one worker and with two."""
    expected, found = finished(study, 2), []
    for number in range(count):
        times = {}
        for workers in (1, 2) if number % 2 else (2, 1):
            ended = finished(study, workers)
            if (ended.runs, ended.verdict) != (expected.runs, expected.verdict):
                sys.exit(f"{study}: other results with {workers} workers in round {number + 1}")
            times[workers] = ended.seconds
        found.append(Round(times[1], times[2]))
        print(f"{study} {number + 1}/{count}: {times[1]:.1f} s, {times[2]:.1f} s", file=sys.stderr)
    return found


def finished(study: str, workers: int) -> Finished:
    """Run a study in a new folder."""
    program = str(Path(sys.executable).with_name("qsched"))
    with tempfile.TemporaryDirectory(prefix="qsched-two-workers-") as folder:
        url = f"sqlite:///{folder}/studies.db"
        command = [program, "run", study, "--workers", str(workers), "--db", url]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        seconds = time.perf_counter() - began
        with Storage.open(url, create=False) as storage:
            [ended] = storage.studies()
            runs = {row.result.key: row.result.accuracy for row in storage.runs(ended.name)}
    return Finished(seconds, runs, ended.verdict)


def median(found: list[Round]) -> float:
    """Return the median ratio."""
    return statistics.median(each.ratio for each in found)


def line(study: str, found: list[Round]) -> str:
    """Return a row of the table."""
    one, two = (
        statistics.median(getattr(each, name) for each in found) for name in ("one", "two")
    )
    least, most = (choose(each.ratio for each in found) for choose in (min, max))
    word = "reached" if median(found) <= GOAL else "NOT REACHED"
    ratio = f"{median(found):.2f} [{least:.2f} - {most:.2f}]"
    return f"{study:14}  one worker {one:5.1f} s  two {two:5.1f} s  {ratio}  <= {GOAL}  {word}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=["digits-ana"], metavar="STUDY")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for study in options.studies:
        load_study(study)
    return options


if __name__ == "__main__":
    sys.exit(main())
