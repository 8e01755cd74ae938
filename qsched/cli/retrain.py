"""``qsched train`` and ``qsched compare``: schedules on fresh seeds and the test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.options import (
    DATABASE,
    DatabaseOption,
    DataOption,
    Engine,
    EngineOption,
    JsonOption,
    PluginOption,
    SeedsOption,
    TaskOption,
    WorkersOption,
    use_data,
    use_engine,
    use_plugins,
)
from qsched.cli.output import interval_text, percent, points, print_json
from qsched.cli.saved import check_target, save_network, saved_text
from qsched.cli.stored import schedules_for, study_spec

if TYPE_CHECKING:
    from qsched.cli.promise import Promise
    from qsched.study.statistics import Paired

__all__ = ["compare", "train"]

_FILE_HELP = "A schedule: the path of a file, or a bundled name."


def train(
    file: Annotated[str, typer.Argument(metavar="FILE", help=_FILE_HELP)],
    task: TaskOption,
    seeds: SeedsOption = 12,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Train the first of the seeds once more and keep the network, for deployment.",
        ),
    ] = None,
    input_bits: Annotated[
        int, typer.Option(min=2, max=16, metavar="N", help="Bits of the kept network's inputs.")
    ] = 8,
    db: DatabaseOption = DATABASE,
    workers: WorkersOption = None,
    data: DataOption = None,
    engine: EngineOption = Engine.auto,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train by a schedule file on fresh seeds, and check the accuracy that the file states.

    Accuracy is that of the fully quantized network on the test set. A file states the interval of
    its own mean; the mean of other seeds is expected in a somewhat wider one, which is printed. A
    mean outside it ends with exit code 1; by chance alone that is one time in twenty, at 95 %.

    \b
        qsched train best.yaml --task digits-ana
        qsched train ana-2019-overlapped --task fashion-ana --seeds 4 --data ~/datasets
        qsched train best.yaml --task digits-tnn --seeds 2 --save net.pt
    """
    from qsched.cli.fresh import accuracies, fresh_seeds
    from qsched.cli.promise import promise
    from qsched.study.statistics import interval

    use_data(data)
    use_engine(engine)
    plugins = use_plugins(plugin)
    spec = study_spec(task, db)
    [loaded] = schedules_for(spec.task, [file])
    check_target(save, spec, loaded.schedule)
    stated = promise(loaded, spec.task, seeds)
    [found] = accuracies([loaded.schedule], spec, seeds, workers, plugins)
    mean, level = sum(found) / seeds, spec.confirmation.level
    bounds = interval(found, level)
    kept = None
    if save is not None:
        kept = save_network(save, loaded, spec, fresh_seeds(spec, seeds)[0], input_bits)
    if not as_json:
        typer.echo(
            f"{loaded.name} on {spec.name}, {seeds} fresh seeds, test set: "
            f"{percent(mean)} ({100 * level:.0f} % interval {interval_text(bounds)})"
        )
        typer.echo(_checked(stated, mean, seeds))
        if kept:
            typer.echo(saved_text(kept))
    else:
        print_json(
            {
                "schedule": loaded.name,
                "task": spec.name,
                "seeds": fresh_seeds(spec, seeds),
                "accuracies": found,
                "mean": mean,
                "interval": bounds,
                "level": level,
                "expected_interval": stated and stated.interval,
                "inside": stated and stated.holds(mean),
                "saved": kept,
            }
        )
    if stated is not None and not stated.holds(mean):
        raise typer.Exit(1)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help=_FILE_HELP)],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    task: TaskOption,
    seeds: SeedsOption = 12,
    db: DatabaseOption = DATABASE,
    workers: WorkersOption = None,
    data: DataOption = None,
    engine: EngineOption = Engine.auto,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two schedules on common fresh seeds and the test set: the paired difference.

    \b
        qsched compare best.yaml ana-2019-overlapped --task digits-ana --seeds 24
    """
    from qsched.cli.fresh import accuracies, fresh_seeds
    from qsched.study.statistics import paired

    use_data(data)
    use_engine(engine)
    plugins = use_plugins(plugin)
    spec = study_spec(task, db)
    files = schedules_for(spec.task, [first, second])
    level = spec.confirmation.level
    found = accuracies([file.schedule for file in files], spec, seeds, workers, plugins)
    result = paired(found[0], found[1], level)
    scored = [
        (file.name, sum(values) / seeds, values) for file, values in zip(files, found, strict=True)
    ]
    if not as_json:
        for name, mean, _ in scored:
            typer.echo(f"{name}  {percent(mean)}")
        typer.echo(_difference(result, level))
        return
    print_json(
        {
            "task": spec.name,
            "seeds": fresh_seeds(spec, seeds),
            "schedules": [
                {"name": name, "mean": mean, "accuracies": values} for name, mean, values in scored
            ],
            "difference": result.difference,
            "interval": result.interval,
            "level": level,
            "p_value": result.p_value,
            "significant": result.significant,
        }
    )


def _difference(result: Paired, level: float) -> str:
    from qsched.study.statistics import p_text

    low, high = result.interval
    return (
        f"difference {points(result.difference)}, {100 * level:.0f} % interval "
        f"{points(low)} to {points(high)}, p {p_text(result.p_value)}, {result.count} seeds: "
        + ("significant" if result.significant else "no significant difference")
    )


def _checked(stated: Promise | None, mean: float, seeds: int) -> str:
    if stated is None:
        return "the file states no test accuracy on this task"
    side = "below" if mean < stated.interval[0] else "above"
    verdict = "inside" if stated.holds(mean) else f"outside, {side} what the file states"
    return (
        f"the file states {percent(stated.mean)}; the mean of {seeds} other seeds is expected in "
        f"{interval_text(stated.interval)}: {verdict}"
    )
