"""``make bench``: measure all rows on the CPU, print the table, write the results."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.throughput import engines, table
from benchmarks.throughput.contenders import PEER_A, contenders
from benchmarks.throughput.costs import Costs, Growth
from benchmarks.throughput.goals import Verdict, study_verdicts, task_verdicts
from benchmarks.throughput.layers import convolutions
from benchmarks.throughput.machine import machine, rows_json, write_results
from benchmarks.throughput.measure import Measured, echo, measure
from benchmarks.throughput.peer_c import Brevitas
from benchmarks.throughput.study import costs, growth
from benchmarks.throughput.tasks import TASKS, task
from benchmarks.throughput.workers import Workers

CORES = 2


def main() -> None:
    options, about = _options(), machine()
    with Workers(CORES) as pool:
        everyone = [
            each
            for each in contenders(pool)
            if not any(word in each.name for word in options.without)
        ]
        found = {
            key: measure(
                task(key),
                everyone,
                options.rounds,
                lambda: _peaks(pool),
                lambda key: pool.call(convolutions, [(key,)])[0][0],
            )
            for key in options.tasks
        }
        for each in everyone:
            if isinstance(each, Brevitas):
                each.close()
    spent, growths = _study(options)
    verdicts = [
        verdict
        for key, each in found.items()
        for verdict in task_verdicts(key, each.rows, each.peaks, each.alone)
    ]
    verdicts += study_verdicts(spent, growths, _peer_a_rate(found))
    _print(about, found, spent, growths, verdicts)
    if not options.dry:
        content = {
            "options": vars(options),
            "tasks": {
                key: {
                    "rows": rows_json(each.rows),
                    "peaks": each.peaks,
                    "convolutions": each.alone,
                }
                for key, each in found.items()
            },
            "study": None if spent is None else asdict(spent),
            "growth": [asdict(each) for each in growths],
            "goals": [asdict(each) for each in verdicts],
        }
        print(write_results(content, about).relative_to(Path.cwd()))
    echo("done")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a smaller study")
    parser.add_argument("--rounds", type=int, help="rounds of each task; 5, or 2 if quick")
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument(
        "--trials", type=int, help="of the study, 0: no study; 256, or 32 if quick"
    )
    parser.add_argument("--growth", nargs="*", type=int, help="finished trials")
    parser.add_argument("--without", nargs="*", default=[], help="rows, by part of their name")
    parser.add_argument("--dry", action="store_true", help="write no file of results")
    options = parser.parse_args()
    quick = options.quick
    options.rounds = options.rounds or (2 if quick else 5)
    options.trials = (32 if quick else 256) if options.trials is None else options.trials
    if options.growth is None:
        options.growth = [100, 1_000] if quick else [100, 1_000, 10_000]
    return options


def _peaks(pool: Workers) -> tuple[float, ...]:
    """Return operations/s of sgemm on 1, 2, ... cores at once."""
    return tuple(sum(pool.call(engines.sgemm, [()] * n)[0]) for n in range(1, CORES + 1))


def _study(options: argparse.Namespace) -> tuple[Costs | None, list[Growth]]:
    if not options.trials:
        return None, []
    with tempfile.TemporaryDirectory() as folder:
        echo(f"digits-ana with {options.trials} trials")
        spent = costs("digits-ana", options.trials, CORES, Path(folder))
        growths = []
        for each in growth("digits-ana", options.growth, Path(folder)):
            echo(f"{each.trials} finished trials")
            growths.append(each)
    return spent, growths


def _peer_a_rate(found: Mapping[str, Measured]) -> float | None:
    """Return Peer A's trainings per hour on the task of the study."""
    rows = found["mlp9"].rows if "mlp9" in found else []
    return next((row.rate for row in rows if row.name == PEER_A and row.measured), None)


def _print(
    about: Mapping[str, Any],
    found: Mapping[str, Measured],
    spent: Costs | None,
    growths: Sequence[Growth],
    verdicts: Sequence[Verdict],
) -> None:
    lines = [*table.machine_lines(about), ""]
    lines += [line for each in found.values() for line in each.lines]
    if spent is not None:
        lines += table.cost_lines(spent, growths)
    lines += table.note_lines(row for each in found.values() for row in each.rows)
    print("\n".join([*lines, "", *table.verdict_lines(verdicts)]))


if __name__ == "__main__":
    main()
