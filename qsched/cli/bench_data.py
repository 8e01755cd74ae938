"""``qsched bench-data``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.options import (
    AddressOption,
    CpusOption,
    DataOption,
    GpusOption,
    JsonOption,
    PluginOption,
    RayOption,
    WorkersOption,
    use_data,
    use_plugins,
)
from qsched.cli.output import print_json

if TYPE_CHECKING:
    from qsched.learning.bench.plans import Plan
    from qsched.learning.bench.tasks import BenchSpec
    from qsched.storage import Storage

__all__ = ["bench_data"]

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
    ray: RayOption = False,
    address: AddressOption = None,
    gpus: GpusOption = 0.0,
    cpus: CpusOption = None,
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
        qsched bench-data --design 256 --address head-node
        qsched bench-data --minutes 0 --import studies/data
        qsched bench-data --minutes 0 --export studies/data
    """
    from qsched.learning.bench.tasks import chosen, load_bench_spec

    use_data(data)
    plugins = use_plugins(plugin)
    spec = load_bench_spec(bench)
    wanted = chosen(spec, tasks or ())

    from qsched.cli.executors import cluster_of
    from qsched.cli.generating import generator
    from qsched.learning.bench.export import export_bench
    from qsched.learning.bench.plans import bench_plans, extra_plans
    from qsched.learning.bench.restore import restore
    from qsched.storage import Storage

    plans = [plan for file in arms or () for plan in extra_plans(file)]
    cluster = cluster_of(ray, address, gpus, cpus)
    with Storage.open(db) as storage:
        for folder in source or ():
            typer.echo(f"{restore(spec, storage, folder):,} runs  {folder}")
        plans += _from_stored(experiment or (), refine, spec, storage, tasks or (), seeds)
        plans = plans or bench_plans(spec, design, seeds, report_seeds)
        if minutes != 0:
            with generator(spec, storage, minutes, workers, cluster, plugins) as trainer:
                for task in wanted:
                    if not trainer.train(task, plans):
                        break
        summary = None
        if export is not None:
            summary = export_bench(spec, storage, export)
    if as_json:
        print_json(summary)
    elif summary is not None:
        typer.echo(f"{summary['runs']:,} runs of {summary['tasks']} tasks  {export}")


def _from_stored(
    experiments: Sequence[str],
    refine: int | None,
    spec: BenchSpec,
    storage: Storage,
    tasks: Sequence[str],
    seeds: int,
) -> list[Plan]:
    """Return the plans of experiments and of a refinement, which choose from what is stored."""
    from qsched.learning.bench.experiments import experiment_plans
    from qsched.learning.bench.export import collect
    from qsched.learning.bench.refined import refined_plans
    from qsched.learning.bench.tasks import chosen

    known = cache(lambda: collect(spec, storage, chosen(spec))[0])
    plans = [plan for name in experiments for plan in experiment_plans(name, spec, known)]
    if refine:
        inside, _ = collect(spec, storage, chosen(spec, tasks))
        plans += refined_plans(inside, spec, refine, seeds, len(inside.arms))
    return plans
