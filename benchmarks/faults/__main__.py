"""``make faults``: inject every fault some times, print the table, write the counts.

    python -m benchmarks.faults --times 10 --rows 1,2,9

A study of real trainings on digits runs with two workers (processes, or Ray where a row says so)
and is disturbed at random moments. Goals: nothing lost, doubled, added or missing, no process left
over, at most 30 s without a new run, a database that passes `qsched db check`, and the verdict of
an undisturbed study in one process. The exit code is 0 if every injection was made and meets them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.injection import Bench, Shot, TooLate
from benchmarks.faults.rows import ROWS, Impossible

SECONDS = 30.0
_ATTEMPTS = 10
RESULTS = Path(__file__).parents[1] / "results"
HEADER = (
    "| fault | injected | lost | twice | budget | hanging | broken rules | s to recover (max) "
    "| same verdict | trained again |"
)


@dataclass
class Counts:
    """What was injected, by row.

    Attributes:
        shots: the injections.
        skipped: why a row is impossible on this machine.
        late: injections that were given up, because the study was always over before.
    """

    shots: dict[int, list[Shot]] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)
    late: Counter[int] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether every injection was made, and meets the goals."""
        made = bool(self.shots) and not self.skipped and not self.late
        return made and all(_good(row) for row in self.shots.values())


def main() -> int:
    options = _options()
    counts, began = Counts(), time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qsched-faults-")))
        bench = Bench(folder, random.Random(options.seed), stack)
        print(f"undisturbed, one process: {bench.seconds:.1f} s, {len(bench.expected.runs)} runs")
        # Round by round, so that whatever stops the measurement leaves every row with some.
        turns = [(turn, number) for turn in range(options.times) for number in options.rows]
        first = time.monotonic()
        for done, (turn, number) in enumerate(turns):
            if number not in counts.skipped:
                words = counted(counts, number, turn, bench)
                print(f"{number}.{turn + 1} {words}", flush=True)
            seconds = time.monotonic() - first
            print(told(done + 1, len(turns), seconds), file=sys.stderr, flush=True)
            _write(options.out, counts, bench.seconds, options.seed)
    print(f"\n{table(counts)}\n\n{(time.monotonic() - began) / 60:.0f} min")
    return int(not counts.good)


def told(done: int, total: int, seconds: float) -> str:
    """Return how far it is, and how long the rest takes if it goes on so."""
    left = seconds / done * (total - done)
    return f"{done}/{total} after {seconds / 60:.0f} min, about {left / 60:.0f} min left"


def table(counts: Counts) -> str:
    """Return the counts as a Markdown table, one row a fault."""
    lines = [HEADER, "|---" * HEADER.count(" |") + "|"]
    for number, row in sorted(counts.shots.items()):
        about = (ROWS[number - 1].__doc__ or "").strip().rstrip(".")
        same = sum(shot.same_verdict for shot in row)
        cells = [f"{number}. {about}", str(len(row))]
        for name in ("lost", "twice", "budget", "hanging"):
            cells.append(str(sum(abs(getattr(shot, name)) for shot in row)))
        cells.append(str(sum(len(shot.broken) for shot in row)))
        cells.append(f"{max(shot.recovery for shot in row):.1f}")
        cells += [f"{same}/{len(row)}", str(sum(shot.trained_again for shot in row))]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"\nrow {number} is missing: {why}" for number, why in counts.skipped.items()]
    lines += [
        f"\nrow {number}: {count} injections are missing: the study was over before the fault"
        for number, count in sorted(counts.late.items())
    ]
    return "\n".join(lines)


def _good(row: list[Shot]) -> bool:
    return all(shot.good and shot.recovery <= SECONDS for shot in row)


def counted(counts: Counts, number: int, turn: int, bench: Bench) -> str:
    """Inject a fault and count what it costs; return that in words."""
    try:
        shot = injected(ROWS[number - 1], bench, turn)
    except Impossible as reason:
        counts.skipped[number] = str(reason)
        return f"is impossible here: {reason}"
    if shot is None:
        counts.late[number] += 1
        return f"was too late {_ATTEMPTS} times"
    counts.shots.setdefault(number, []).append(shot)
    return str(shot)


def injected(row: Callable[[Bench, int], Shot], bench: Bench, turn: int) -> Shot | None:
    """Inject a fault; try again when the study was over before it, or never began.

    Returns:
        What it cost; None if it was always too late.

    Raises:
        Impossible: this machine does not allow it.
    """
    for _ in range(_ATTEMPTS):
        with suppress(TooLate):
            return row(bench, turn)
    return None


def _write(file: Path, counts: Counts, seconds: float, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        str(number): {
            "fault": ROWS[number - 1].__doc__,
            "injections": [shot.json() for shot in row],
        }
        for number, row in sorted(counts.shots.items())
    }
    data = {
        "undisturbed_seconds": seconds,
        "seed": seed,
        "rows": rows,
        "skipped": counts.skipped,
        "late": counts.late,
    }
    file.write_text(json.dumps(data, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--times", type=int, default=10, help="injections of each fault")
    parser.add_argument(
        "--rows", type=row_numbers, default=row_numbers("1-11"), help="such as 1,3,9-11"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    day = time.strftime("%Y-%m-%d")
    parser.add_argument("--out", type=Path, default=RESULTS / f"faults-{day}.json")
    return parser.parse_args()


def row_numbers(words: str) -> list[int]:
    found: list[int] = []
    for word in words.split(","):
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


if __name__ == "__main__":
    sys.exit(main())
