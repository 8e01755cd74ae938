"""``qsched bench-data``."""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from qsched.cli.options import (
    DataOption,
    JsonOption,
    PluginOption,
    WorkersOption,
    use_data,
    use_plugins,
)
from qsched.cli.output import duration, print_json

__all__ = ["Lines", "bench_data"]

_DATABASE = "sqlite:///schedbench.db"


def bench_data(
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", metavar="PATTERN", help="Which tasks; may be repeated."),
    ] = None,
    design: Annotated[
        int, typer.Option("--design", min=1, metavar="N", help="Schedules of each design.")
    ] = 128,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, metavar="K", help="Seeds of the search.")
    ] = 2,
    report_seeds: Annotated[
        int, typer.Option("--report-seeds", min=0, metavar="K", help="Seeds of the report.")
    ] = 16,
    arms: Annotated[
        list[Path] | None,
        typer.Option(
            "--arms", metavar="FILE", help="Train the arms of this file instead; may be repeated."
        ),
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            "--experiment",
            metavar="NAME",
            help="Instead: factorial, budget, family, select, confirm, transfer; may be repeated.",
        ),
    ] = None,
    refine: Annotated[
        int | None,
        typer.Option(
            "--refine",
            min=1,
            metavar="N",
            help="Instead, for each algorithm and data set left out, train N arms near the best.",
        ),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--import", metavar="DIR", help="Store the runs of exported files first; repeatable."
        ),
    ] = None,
    bench: Annotated[
        Path | None,
        typer.Option("--bench", metavar="FILE", help="Tasks and arms. Default: the bundled file."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, metavar="M", help="Stop after this time.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="DIR", help="Write everything stored as Parquet files."),
    ] = None,
    db: Annotated[
        str, typer.Option("--db", metavar="URL", help="The database of SchedBench.")
    ] = _DATABASE,
    workers: WorkersOption = None,
    data: DataOption = None,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the schedules of SchedBench on its tasks: the data from which rules are learned.

    One design of schedules for every task, and every hand-coded and static schedule at several
    learning rates. What is stored is not trained again: the same command resumes, and one with
    larger numbers adds. `--import` goes on from exported files, such as those that qsched ships;
    `--minutes 0` trains nothing.

    \b
        qsched bench-data --tasks "digits-*" --design 64
        qsched bench-data --data ~/datasets --design 256 --seeds 4 --minutes 60
        qsched bench-data --minutes 0 --import studies/data
        qsched bench-data --minutes 0 --export studies/data
    """
    from qsched.learning.bench.tasks import chosen, load_bench_spec

    use_data(data)
    plugins = use_plugins(plugin)
    spec = load_bench_spec(bench)
    wanted = chosen(spec, tasks or ())

    from qsched.cli.executors import executor
    from qsched.learning.bench.experiments import experiment_plans
    from qsched.learning.bench.export import collect, export_bench
    from qsched.learning.bench.generate import Generator
    from qsched.learning.bench.plans import bench_plans, extra_plans
    from qsched.learning.bench.refined import refined_plans
    from qsched.learning.bench.restore import restore
    from qsched.storage import Storage

    plans = [plan for file in arms or () for plan in extra_plans(file)]
    seconds = None if minutes is None else 60 * minutes
    with Storage.open(db) as storage:
        for folder in source or ():
            typer.echo(f"{restore(spec, storage, folder):,} runs  {folder}")
        known = cache(lambda: collect(spec, storage, chosen(spec))[0])
        for name in experiment or ():
            plans += experiment_plans(name, spec, known)
        if refine:
            inside, _ = collect(spec, storage, wanted)
            plans += refined_plans(inside, spec, refine, seeds, len(inside.arms))
        plans = plans or bench_plans(spec, design, seeds, report_seeds)
        if minutes != 0:
            with executor(workers, plugins) as where:
                generator = Generator(spec, storage, where, Lines(), seconds)
                for task in wanted:
                    if not generator.train(task, plans):
                        break
        summary = None
        if export is not None:
            summary = export_bench(spec, storage, export)
    if as_json:
        print_json(summary)
    elif summary is not None:
        typer.echo(f"{summary['runs']:,} runs of {summary['tasks']} tasks  {export}")


class Lines:
    """Writes a line at most every ten seconds, and one at the end of a task's pass."""

    def __init__(self) -> None:
        self._began, self._next, self._task, self._from = time.monotonic(), 0.0, "", 0.0

    def __call__(self, task: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._from = now
        if total == 0 or (done < total and now < self._next):
            return
        self._next = now + 10
        pace = done / (now - self._from) if now > self._from else 0.0
        print(
            f"{duration(now - self._began)}  {task}: runs {done}/{total}, {pace:.1f} a second",
            file=sys.stderr,
            flush=True,
        )
