"""``make faults``: inject every fault some times, print the table, write the counts.

    python -m benchmarks.faults --times 10 --rows 1,2,9

A study of real trainings on digits runs with two workers (processes, or Ray where a row says so)
and is disturbed at random moments. Goals: nothing lost, doubled, added or missing, no process left
over, at most 30 s without a new run, and the verdict of an undisturbed study in one process.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.faults.injection import Bench, Shot, TooLate
from benchmarks.faults.rows import ROWS, Impossible

SECONDS = 30.0
_ATTEMPTS = 10
RESULTS = Path(__file__).parents[1] / "results"
HEADER = (
    "| fault | injected | lost | twice | budget | hanging | s to recover (max) | same verdict "
    "| trained again |"
)


def main() -> int:
    options = _options()
    shots: dict[int, list[Shot]] = {}
    skipped: dict[int, str] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qsched-faults-")))
        bench = Bench(folder, random.Random(options.seed), stack)
        print(f"undisturbed, one process: {bench.seconds:.1f} s, {len(bench.expected.runs)} runs")
        # Round by round, so that whatever stops the measurement leaves every row with some.
        for turn in range(options.times):
            for number in options.rows:
                if number in skipped:
                    continue
                try:
                    shot = _injected(ROWS[number - 1], bench, turn)
                except Impossible as reason:
                    skipped[number] = str(reason)
                    continue
                shots.setdefault(number, []).append(shot)
                print(f"{number}.{turn + 1} {shot}", flush=True)
                _write(options.out, shots, skipped, bench.seconds, options.seed)
    print("\n" + table(shots, skipped))
    return int(not all(_good(row) for row in shots.values()))


def table(shots: dict[int, list[Shot]], skipped: dict[int, str]) -> str:
    """Return the counts as a Markdown table, one row a fault."""
    lines = [HEADER, "|---" * HEADER.count(" |") + "|"]
    for number, row in sorted(shots.items()):
        about = (ROWS[number - 1].__doc__ or "").strip().rstrip(".")
        same = sum(shot.same_verdict for shot in row)
        cells = [f"{number}. {about}", str(len(row))]
        for name in ("lost", "twice", "budget", "hanging"):
            cells.append(str(sum(abs(getattr(shot, name)) for shot in row)))
        cells.append(f"{max(shot.recovery for shot in row):.1f}")
        cells += [f"{same}/{len(row)}", str(sum(shot.trained_again for shot in row))]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"\nrow {number} is missing: {why}" for number, why in skipped.items()]
    return "\n".join(lines)


def _good(row: list[Shot]) -> bool:
    return all(shot.good and shot.recovery <= SECONDS for shot in row)


def _injected(row: Callable[[Bench, int], Shot], bench: Bench, turn: int) -> Shot:
    """Inject a fault; try again when the study was over before it, or never began."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(TooLate):
            return row(bench, turn)
    return row(bench, turn)


def _write(
    file: Path, shots: dict[int, list[Shot]], skipped: dict[int, str], seconds: float, seed: int
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        str(number): {
            "fault": ROWS[number - 1].__doc__,
            "injections": [shot.json() for shot in row],
        }
        for number, row in sorted(shots.items())
    }
    data = {"undisturbed_seconds": seconds, "seed": seed, "rows": rows, "skipped": skipped}
    file.write_text(json.dumps(data, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--times", type=int, default=10, help="injections of each fault")
    parser.add_argument("--rows", type=_rows, default=_rows("1-11"), help="such as 1,3,9-11")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    day = time.strftime("%Y-%m-%d")
    parser.add_argument("--out", type=Path, default=RESULTS / f"faults-{day}.json")
    return parser.parse_args()


def _rows(words: str) -> list[int]:
    found: list[int] = []
    for word in words.split(","):
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


if __name__ == "__main__":
    sys.exit(main())
