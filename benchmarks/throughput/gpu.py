"""``make bench-gpu``: the same table on a GPU; needs torch, numpy, PyYAML and pydantic only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.throughput import cuda, table
from benchmarks.throughput.contenders import Lanes
from benchmarks.throughput.goals import Verdict
from benchmarks.throughput.machine import machine, rows_json, write_results
from benchmarks.throughput.measure import Measured, echo, measure
from benchmarks.throughput.rows import Row, ratio
from benchmarks.throughput.tasks import TASKS, BenchTask, task
from benchmarks.throughput.workers import Workers

SINGLE = "one trial at a time"
PROCESSES = 4
LANES = {"mlp9": 1024, "mlp64": 1024, "cnn8": 256, "cnn28": 64, "vgg8": 8}
GOALS = {"mlp9": 50.0, "mlp64": 50.0, "cnn8": 10.0, "cnn28": 10.0}
VGG8_SHARE = 0.40


def main() -> None:
    options = _options()
    if not torch.cuda.is_available():
        print("No GPU here: the rows of `make bench-gpu` are unmeasured.")
        return
    about = machine()
    with Workers(PROCESSES) as pool:
        found = {
            key: measure(_sized(key), _contenders(pool), options.rounds, lambda: _peaks(pool))
            for key in options.tasks
        }
    verdicts = [_verdict(key, each) for key, each in found.items()]
    lines = [line for each in found.values() for line in each.lines]
    print("\n".join([*table.machine_lines(about), "", *lines, *table.verdict_lines(verdicts)]))
    content = {key: {"rows": rows_json(m.rows), "peaks": m.peaks} for key, m in found.items()}
    print(write_results({"tasks": content}, about).relative_to(Path.cwd()))
    echo("done")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS))
    return parser.parse_args()


def _sized(key: str) -> BenchTask:
    """Return a task as a GPU wants it: more lanes, and VGG8 with larger batches."""
    chosen = replace(task(key), lanes=LANES[key], plain=1)
    if key != "vgg8":
        return chosen
    spec = chosen.spec
    data = spec.data.model_copy(update={"train": 2560, "validation": 256})
    larger = spec.model_copy(update={"data": data, "batch_size": 128})
    return replace(chosen, spec=larger, title="CIFAR-10 shapes, VGG8, 20 steps")


def _contenders(pool: Workers) -> list[Lanes]:
    def one(chosen: BenchTask) -> int:
        return chosen.plain

    def many(chosen: BenchTask) -> int:
        return chosen.lanes

    full, short = (partial(cuda.lanes, tf32=tf32) for tf32 in (False, True))
    return [
        Lanes(SINGLE, pool, cuda.one_by_one, one),
        Lanes(f"{SINGLE}, CUDA graph", pool, cuda.graphed, one),
        Lanes(f"{PROCESSES} processes, CUDA graphs", pool, cuda.graphed, one, PROCESSES),
        Lanes("qsched torch lanes", pool, full, many, ours=True),
        Lanes("qsched torch lanes, TF32", pool, short, many, ours=True),
    ]


def _peaks(pool: Workers) -> tuple[float, ...]:
    """Return operations/s of sgemm; a GPU is one device, however many processes share it."""
    (rate,), _ = pool.call(cuda.sgemm, [()])
    return (rate,) * PROCESSES


def _verdict(key: str, found: Measured) -> Verdict:
    named = {row.name: row for row in found.rows if row.measured}
    lanes, single = named.get("qsched torch lanes"), named.get(SINGLE)
    if key == "vgg8":
        return _share(lanes, [peak[0] for peak in found.peaks])
    text = f"{key}: x one trial at a time >= {GOALS[key]:.0f}"
    if lanes is None or single is None:
        return Verdict(text, "a row is missing", None)
    times = ratio(lanes.rates, single.rates)
    return Verdict(text, f"{times:.1f}", times >= GOALS[key])


def _share(lanes: Row | None, peaks: Sequence[float]) -> Verdict:
    text = f"vgg8: share of the sgemm peak >= {VGG8_SHARE:.0%}"
    if lanes is None:
        return Verdict(text, "the row is missing", None)
    share = ratio(lanes.speeds, peaks)
    return Verdict(text, f"{share:.1%}", share >= VGG8_SHARE)


if __name__ == "__main__":
    main()
