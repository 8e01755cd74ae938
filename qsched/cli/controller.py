"""``qsched controller``: a hardening clock steered by what training shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from qsched.cli.options import DataOption, JsonOption, use_data
from qsched.cli.output import points, print_json, print_table

if TYPE_CHECKING:
    import numpy as np

    from qsched.learning.controller import Controller
    from qsched.specs import TaskSpec

__all__ = ["controller"]

DEFAULT = "digits-mlp9-ternary-short"

ENDS = (0.3, 0.5, 0.7, 0.9)
"""Where the even clocks end with which the controller is compared; the search chooses one."""


def controller(
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="TASK", help="A task of SchedBench; may be repeated."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="TASK", help="Another one, for the comparison alone."),
    ] = None,
    generations: Annotated[int, typer.Option("--generations", min=1, metavar="N")] = 12,
    population: Annotated[int, typer.Option("--population", min=4, metavar="N")] = 12,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N")] = 4,
    report_seeds: Annotated[int, typer.Option("--report-seeds", min=2, metavar="N")] = 16,
    bench: Annotated[
        Path | None,
        typer.Option("--bench", metavar="FILE", help="Tasks. Default: the bundled file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the result as JSON.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find a controller of the hardening clock, and test whether its feedback matters.

    Six numbers say how fast the noise of ANA is annealed, given the fall of the loss, saturated
    weights, level flips and the gap between soft and hard network. Found by CMA-ES on seeds of the
    search; compared on fresh seeds and the test set with a replay of its own mean trajectory,
    which no signal moves, and with an even clock.

    \b
        qsched controller --task digits-mlp9-ternary-short --generations 12
    """
    from qsched.learning.bench.tasks import chosen, load_bench_spec
    from qsched.learning.controller import evolve

    use_data(data)
    spec = load_bench_spec(bench)
    tasks = {t.name: t.spec for t in chosen(spec, task or [DEFAULT])}
    others = {t.name: t.spec for t in chosen(spec, test)} if test else {}

    def score(asked: Sequence[Controller], generation: int) -> np.ndarray:
        import numpy as np

        first = generation * seeds
        found = [_trained(spec, asked, range(first, first + seeds)) for spec in tasks.values()]
        means: np.ndarray = np.mean([accuracy for accuracy, _ in found], axis=(0, 2))
        print(
            f"generation {generation + 1}/{generations}: mean {100 * means.mean():.1f} %, "
            f"best {100 * means.max():.1f} %",
            file=sys.stderr,
            flush=True,
        )
        return means

    found = evolve(score, generations, population)
    result = {
        "parameters": dict(zip(_names(), found.controller.parameters, strict=True)),
        "generations": found.scores,
        "trained_on": list(tasks),
        "comparisons": [
            _compared(name, spec, found.controller, report_seeds)
            for name, spec in {**tasks, **others}.items()
        ],
    }
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(result)
    else:
        print_table(_HEADER, [_row(c) for c in result["comparisons"]])


_HEADER = ("task", "controller", "replay", "even clock", "controller - replay", "- even clock")


def _names() -> tuple[str, ...]:
    from qsched.learning.controller import PARAMETERS

    return PARAMETERS


def _row(found: Any) -> list[str]:
    means = [f"{100 * found[name]['mean']:.1f} %" for name in ("controller", "replay", "even")]
    differences = [
        f"{points(found[f'minus_{name}']['difference'])} "
        f"[{100 * found[f'minus_{name}']['interval'][0]:+.1f}, "
        f"{100 * found[f'minus_{name}']['interval'][1]:+.1f}]"
        for name in ("replay", "even")
    ]
    return [found["task"], *means, *differences]


def _compared(name: str, task: TaskSpec, found: Controller, seeds: int) -> dict[str, Any]:
    """Compare a controller with a replay and an even clock, on fresh seeds and the test set."""
    from qsched.learning.controller import linear, replay
    from qsched.study.seeds import pool
    from qsched.study.statistics import paired

    search, report = pool("selection", 0, seeds), pool("report", 0, seeds)
    _, clocks = _trained(task, [found], search)
    even = [_trained(task, [linear(end)], search)[0].mean() for end in ENDS]
    rules = {
        "controller": found,
        "replay": replay(clocks[0].mean(axis=0)),
        "even": linear(ENDS[even.index(max(even))]),
    }
    scores = {key: _trained(task, [r], report, test=True)[0][0] for key, r in rules.items()}
    result: dict[str, Any] = {"task": name, "mean_clock": clocks[0].mean(axis=0).tolist()}
    for key, values in scores.items():
        result[key] = {"mean": float(values.mean()), "accuracies": values.tolist()}
    result["even"]["end"] = ENDS[even.index(max(even))]
    for key in ("replay", "even"):
        difference = paired(scores["controller"].tolist(), scores[key].tolist(), 0.95)
        result[f"minus_{key}"] = {
            "difference": difference.difference,
            "interval": difference.interval,
            "p_value": difference.p_value,
        }
    return result


def _trained(
    task: TaskSpec,
    rules: Sequence[Any],
    seeds: range | tuple[int, ...],
    *,
    test: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracies [R, S] and clocks [R, S, E] of some rules on common seeds."""
    import numpy as np

    from qsched.specs import Run
    from qsched.training.closed_loop import train_by_clock

    split: Literal["validation", "test"] = "test" if test else "validation"
    runs = [
        Run(task=task, schedule=_schedule(task), seed=seed, evaluate=split)
        for _ in rules
        for seed in seeds
    ]

    def speed(signals: np.ndarray, u: float) -> np.ndarray:
        parts = np.split(signals, len(rules))
        return np.concatenate([rule(part, u) for rule, part in zip(rules, parts, strict=True)])

    found = train_by_clock(runs, speed)
    shape = len(rules), len(seeds)
    return found.accuracy.reshape(shape), found.clocks.reshape(*shape, -1)


def _schedule(task: TaskSpec) -> Any:
    """Return what the clock steers: soft noise that hardens, a wide backward pass that stays."""
    from qsched.schedules import Ana, LearningRate, Schedule, Window

    noise = Ana(forward_std=12**-0.5, backward_std=0.8, backward_floor=1.0)
    return Schedule(
        window=Window(end=1.0),
        weights=noise,
        activations=noise,
        learning_rate=LearningRate(initial=2 * task.optimizer.learning_rate),
    )
