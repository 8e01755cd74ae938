"""Interrupt one study again and again, and compare it with an undisturbed one.

    python -m benchmarks.interruptions digits-ana --times 10

`qsched run` is stopped at random moments, by SIGINT (as Ctrl-C in a terminal) and by SIGKILL in
turn, and each time the same command goes on. Goals: the exit codes 130 and -9, no process left
over, every run stored once, the trials with their parameters and the verdict of the undisturbed
study in one process, and a database that passes `qsched db check`. The exit code is 0 if all are
met.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.study import NAME, Place, compared, undisturbed, wait
from qsched.files import resolve

SIGNALS = (signal.SIGINT, signal.SIGKILL)
EXPECTED = {signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}
_LIMIT = 600.0


@dataclass(frozen=True)
class Interruption:
    """One of them: the signal, when it came and how many runs were stored then, what followed."""

    number: signal.Signals
    seconds: float
    runs: int
    code: int | None
    left: int

    @property
    def good(self) -> bool:
        """Whether the command ended as it should, with all its processes."""
        return self.code == EXPECTED[self.number] and not self.left


def main() -> int:
    options = _options()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="qsched-interruptions-") as folder:
        calm = undisturbed(study(options.study, Path(folder) / "undisturbed"))
        print(f"undisturbed, one process: {calm.seconds:.1f} s, {len(calm.outcome.runs)} runs")
        place = study(options.study, Path(folder) / "interrupted")
        made = []
        for turn in range(options.times):
            found = interrupted(
                place, SIGNALS[turn % 2], rng.uniform(0, calm.training / options.times)
            )
            if found is None:
                break
            made.append(found)
            print(f"{turn + 1}/{options.times} {found}", file=sys.stderr, flush=True)
        last = wait(place.start("--workers", "2"), _LIMIT)
        left = place.clean() + (last is None)
        result = compared(calm.outcome, place)
        again = place.trained_again()
    print(f"\n{table(made)}\n")
    print(f"not made, since the study had ended before: {options.times - len(made)}")
    print(f"the last command: exit code {last}, {left} processes left over")
    for name, value in {**result, "trained_again": again}.items():
        print(f"{name.replace('_', ' ')}: {value}")
    good = (
        len(made) == options.times and all(each.good for each in made) and (last, left) == (0, 0)
    )
    same = result.get("same_parameters") and result.get("same_verdict")
    counts = result.get("twice"), result.get("budget")
    return int(not (good and same and counts == (0, 0) and not result["broken"]))


def study(name: str, folder: Path) -> Place:
    """Return a folder with a study, bundled or of a file, under the name of the bench's."""
    place = Place(folder)
    text = resolve("studies", name).read_text(encoding="utf-8")
    place.file.write_text(re.sub(r"(?m)^name: .*$", f"name: {NAME}", text, count=1))
    return place


def interrupted(place: Place, number: signal.Signals, pause: float) -> Interruption | None:
    """Start the study or let it go on, and stop it some seconds after its next run is stored.

    Returns:
        What became of it; None if it ended first.
    """
    before, began = place.stored(), time.monotonic()
    process = place.start("--workers", "2")
    try:
        while place.stored() == before and process.poll() is None:
            time.sleep(0.05)
        time.sleep(pause)
        if process.poll() is not None:
            return None
        seconds, runs = time.monotonic() - began, len(place.stored())
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        code = wait(process, 60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return Interruption(number, seconds, runs, code, place.clean() + (code is None))


def table(made: list[Interruption]) -> str:
    """Return the interruptions as a Markdown table.

    >>> print(table([Interruption(signal.SIGINT, 3.21, 40, 130, 0)]))
    | | signal | after (s) | runs stored | exit code | processes left over |
    |---|---|---|---|---|---|
    | 1 | SIGINT | 3.2 | 40 | 130 | 0 |
    """
    lines = [
        "| | signal | after (s) | runs stored | exit code | processes left over |",
        "|---" * 6 + "|",
    ]
    for i, each in enumerate(made, start=1):
        cells = (i, each.number.name, f"{each.seconds:.1f}", each.runs, each.code, each.left)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", help="a bundled study, or the path of a file")
    parser.add_argument("--times", type=int, default=10, help="how many interruptions")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
