"""Compare samplers and warm starts on surrogates of SchedBench's tasks, in minutes.

    python benchmarks/samplers.py --repeats 3 --out qsched-out/samplers
    python benchmarks/samplers.py --tasks "digits-*" --trials 32
    python benchmarks/samplers.py --results samplers.json --picture docs/img/samplers.png

Every method searches the accepted surrogates of noise annealing, in batches of 8; it sees the mean
of two noisy seeds. What is learned comes from tasks of other data sets alone. Regret is how far
the expected accuracy of the best seen so far stays below the best that any search of the task
tried. Writes samplers.json and samplers.html, and prints a table of Markdown, which
docs/schedbench.md shows; `--results` searches nothing, and draws what was found before. A picture
needs ``pip install kaleido`` and Chrome or Chromium.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, create_trial

from qsched.learning import Bench, SurrogateTask, load_bench, quality
from qsched.learning.analysis.defaults import learn_portfolio
from qsched.learning.analysis.rulebook import table_features
from qsched.learning.bench.tasks import load_bench_spec
from qsched.learning.recommend import distances
from qsched.report.style import COLORS, axis, layout, shade
from qsched.spaces import SearchSpace, Value, load_space
from qsched.specs import SamplerSpec
from qsched.specs.files import load_study
from qsched.study.dimensions import distributions
from qsched.study.sampling import Asked, ask, finished_trial
from qsched.study.warm import Warm, ask_warm

ALGORITHM = "ana"
BATCH, STARTUP, SEEDS, PORTFOLIO = 8, 16, (0, 1), 8
SHOWN = (8, 16, 32, 64)
COLD = ("random", "tpe", "cmaes")
METHODS = {
    "random": ("random", COLORS["full precision"], "solid"),
    "tpe": ("TPE", COLORS["hand-coded"], "solid"),
    "cmaes": ("CMA-ES", COLORS["static"], "solid"),
    "ws-cmaes": ("CMA-ES, warm", COLORS["static"], "dash"),
    "portfolio": ("portfolio, then TPE", COLORS["found"], "dash"),
    "transfer": ("portfolio, then around it and TPE", COLORS["found"], "solid"),
}
"""Method -> what it is called and how it is drawn."""

Batches = Callable[[Sequence[FrozenTrial], int], Sequence[Asked]]
"""Finished trials and number of the batch -> the next candidates."""


@dataclass(frozen=True)
class Known:
    """What was learned on other data sets: a portfolio, and trials of the nearest task."""

    portfolio: tuple[dict[str, Value], ...]
    trials: tuple[FrozenTrial, ...]


def known_elsewhere(bench: Bench, space: SearchSpace, task: str) -> Known:
    """Return what may be known of a task without any run on its data set."""
    dataset = bench.tasks.dataset[bench.tasks.name == task][0]
    learned = learn_portfolio(bench, ALGORITHM, PORTFOLIO, dataset)
    points = (space.encode(each.schedule) for each in learned)
    logs = np.array([each.logs() for each in table_features(bench.tasks)])
    away = distances(logs[bench.tasks.name == task][0], logs, logs)
    away[bench.tasks.dataset == dataset] = np.inf
    nearest = bench.tasks.name[int(away.argmin())]
    return Known(tuple(p for p in points if p is not None), trained(bench, space, nearest))


def trained(bench: Bench, space: SearchSpace, task: str) -> tuple[FrozenTrial, ...]:
    """Return the design on a task as trials; parameters that a point lacks are drawn."""
    runs = bench.runs
    mine = runs.where((runs.task == task) & (runs.phase == "search") & (runs.length == 1))
    design = bench.arms.where((bench.arms.kind == "design") & (bench.arms.algorithm == ALGORITHM))
    points = dict(zip(design.name, design.points(), strict=True))
    rng = np.random.default_rng(0)
    means = {name: mine.accuracy[mine.arm == name] for name in points}
    return tuple(
        _trial(space, points[name], float(values.mean()), rng)
        for name, values in means.items()
        if len(values)
    )


def _trial(
    space: SearchSpace, point: dict[str, Value], value: float, rng: np.random.Generator
) -> FrozenTrial:
    drawn = {name: parameter.draw(rng) for name, parameter in space.parameters.items()}
    return create_trial(
        params={**drawn, **point},
        distributions=distributions(space, space.parameters),
        value=value,
    )


def batches(method: str, space: SearchSpace, known: Known, seed: int) -> Batches:
    """Return what asks for candidates."""
    if method == "ws-cmaes":
        return _WarmCma(space, known.trials, seed)
    if method in COLD:
        spec = SamplerSpec.model_validate({"name": method, "batch": BATCH, "startup": STARTUP})
        return lambda history, batch: list(
            ask(space, spec, history, BATCH, seed=seed, batch=batch)
        )
    study = load_study("digits-ana").model_copy(
        update={"seed": seed, "sampler": SamplerSpec(name="tpe", batch=BATCH, startup=STARTUP)}
    )
    warm = Warm(known.portfolio, transfer=method == "transfer")
    return lambda history, batch: list(
        ask_warm(space, study, history, BATCH, batch=batch, warm=warm)
    )


class _WarmCma:
    """WS-CMA-ES of Optuna: it begins where the best tenth of another task's trials lie.

    Reference:
        Nomura et al., Warm starting CMA-ES for hyperparameter optimization, AAAI 2021,
        arXiv 2012.06932.
    """

    def __init__(self, space: SearchSpace, trials: Sequence[FrozenTrial], seed: int) -> None:
        self._space = space
        self._dimensions = distributions(space, space.parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.CmaEsSampler(
                seed=seed, source_trials=_numeric(trials), warn_independent_sampling=False
            )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._open: list[optuna.Trial] = []

    def __call__(self, history: Sequence[FrozenTrial], batch: int) -> Sequence[Asked]:
        values = [trial.value for trial in history[len(history) - len(self._open) :]]
        for trial, value in zip(self._open, values, strict=True):
            self._study.tell(trial, value)
        self._open = [self._study.ask(self._dimensions) for _ in range(BATCH)]
        return [self._asked(trial) for trial in self._open]

    def _asked(self, trial: optuna.Trial) -> Asked:
        params = self._space.suggest(lambda name, _: trial.params[name])
        return Asked(params, {name: self._dimensions[name] for name in params}, {})


def _numeric(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return trials without choices, of which CMA-ES knows nothing."""
    kept = {
        name: distribution
        for name, distribution in trials[0].distributions.items()
        if not isinstance(distribution, optuna.distributions.CategoricalDistribution)
    }
    return [
        create_trial(
            params={name: trial.params[name] for name in kept},
            distributions=kept,
            value=trial.value,
        )
        for trial in trials
    ]


def search(
    surrogate: SurrogateTask, space: SearchSpace, asks: Batches, trials: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search a surrogate; return expected accuracies of what was tried, and of the best so far.

    The best so far is the one of the best observed value, as a study would choose it.
    """
    history: list[FrozenTrial] = []
    expected: list[float] = []
    while len(history) < trials:
        asked = asks(history, len(history) // BATCH)
        schedules = [space.decode(each.params) for each in asked]
        expected += surrogate.accuracy(schedules).tolist()
        for each, schedule in zip(asked, schedules, strict=True):
            value = float(np.mean([surrogate.noisy(schedule, seed) for seed in SEEDS]))
            history.append(finished_trial(each, value))
    values = np.array([trial.value for trial in history[:trials]], dtype=float)
    tried = np.array(expected[:trials])
    best = np.maximum.accumulate(values)
    first = np.array([int(np.argmax(values >= b)) for b in best])
    return tried, tried[first]


def rival(bench: Bench, surrogate: SurrogateTask) -> float:
    """Return the expected accuracy of the best hand-coded or static schedule, tuned."""
    arms = bench.arms
    coded = (arms.kind == "hand-coded") & (arms.algorithm == ALGORITHM)
    names = arms.name[coded | (arms.kind == "static")]
    rates = load_bench_spec().rates
    return float(surrogate.accuracy([arms.arm(n, rate) for n in names for rate in rates]).max())


def compare(
    bench: Bench, task: str, trials: int, repeats: int, methods: Sequence[str]
) -> dict[str, Any]:
    """Return by method the mean regret after every trial, and trials until rivals are reached."""
    space, surrogate = load_space(ALGORITHM), SurrogateTask(bench, task, ALGORITHM)
    known = known_elsewhere(bench, space, task)
    found = {
        method: [
            search(surrogate, space, batches(method, space, known, seed), trials)
            for seed in range(repeats)
        ]
        for method in methods
    }
    target = rival(bench, surrogate)
    top = max(float(tried.max()) for each in found.values() for tried, _ in each)
    return {
        "task": task,
        "regret": {
            method: np.round(np.mean([top - best for _, best in each], axis=0), 5).tolist()
            for method, each in found.items()
        },
        "needed": {m: [_first(best >= target) for _, best in each] for m, each in found.items()},
    }


def _first(reached: np.ndarray) -> int | None:
    return int(np.argmax(reached)) + 1 if reached.any() else None


def regrets(rows: Sequence[dict[str, Any]], method: str) -> np.ndarray:
    """Return regret, [tasks, trials]."""
    return np.array([row["regret"][method] for row in rows])


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return regrets in points and trials to the rivals, as Markdown."""
    trials = regrets(rows, "random").shape[1]
    shown = [count for count in SHOWN if count <= trials]
    lines = [
        f"| method | {' | '.join(f'after {n}' for n in shown)} | trials to rivals | reached |",
        "|---" * (len(shown) + 3) + "|",
    ]
    for method in rows[0]["regret"]:
        mean = 100 * regrets(rows, method).mean(axis=0)
        needed = [n for row in rows for n in row["needed"][method]]
        median = float(np.median([trials + 1 if n is None else n for n in needed]))
        words = f"{median:g}" if median <= trials else f"> {trials}"
        share = np.mean([n is not None for n in needed])
        cells = [f"{mean[n - 1]:.1f}" for n in shown]
        lines.append(
            f"| {METHODS[method][0]} | {' | '.join(cells)} | {words} | {100 * share:.0f} % |"
        )
    return "\n".join(lines)


def figure(rows: Sequence[dict[str, Any]]) -> go.Figure:
    """Draw mean regret against trials, with 90 % bootstrap bands over tasks."""
    drawn = go.Figure()
    early = min(SHOWN[1], regrets(rows, "random").shape[1])
    least = min(rows[0]["regret"], key=lambda m: float(regrets(rows, m)[:, early - 1].mean()))
    draws = np.random.default_rng(0).integers(len(rows), size=(1000, len(rows)))
    for method in rows[0]["regret"]:
        name, color, dash = METHODS[method]
        values = 100 * regrets(rows, method)
        x = np.arange(1, values.shape[1] + 1)
        low, high = np.quantile(values[draws].mean(axis=1), [0.05, 0.95], axis=0)
        band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        drawn.add_trace(go.Scatter(x=x, y=low, **band))
        drawn.add_trace(
            go.Scatter(x=x, y=high, fill="tonexty", fillcolor=shade(color, 0.12), **band)
        )
        line = {"color": color, "dash": dash, "width": 2}
        drawn.add_trace(go.Scatter(name=name, x=x, y=values.mean(axis=0), line=line))
    drawn.update_layout(
        layout(
            f"{METHODS[least][0]}: least regret after {early} trials",
            f"Mean regret over {len(rows)} surrogates, in points; bands: 90 % over tasks.",
            height=420,
            head=60,
        ),
        xaxis=axis("trials", type="log", tickvals=[2**n for n in range(10)]),
        yaxis=axis("regret (points)", type="log", tickvals=[1, 2, 3, 5, 10, 20, 40]),
    )
    return drawn


def accepted(bench: Bench, patterns: Sequence[str]) -> Iterator[str]:
    """Yield the tasks whose surrogate is accepted."""
    for task in bench.tasks.name:
        wanted = not patterns or any(fnmatchcase(task, pattern) for pattern in patterns)
        if wanted and quality(bench, task, ALGORITHM).accepted:
            yield str(task)


def searched(patterns: Sequence[str], trials: int, repeats: int) -> list[dict[str, Any]]:
    """Compare all methods on every accepted surrogate, and say on which."""
    bench, rows = load_bench(), []
    for task in accepted(bench, patterns):
        print(task, file=sys.stderr, flush=True)
        rows.append(compare(bench, task, trials, repeats, list(METHODS)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("qsched-out/samplers"))
    parser.add_argument("--results", type=Path, metavar="FILE", help="draw this samplers.json")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw a picture, too")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.results:
        rows = json.loads(options.results.read_text())
    else:
        rows = searched(options.tasks, options.trials, options.repeats)
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "samplers.json").write_text(json.dumps(rows) + "\n")
        figure(rows).write_html(options.out / "samplers.html")
    if options.picture:
        figure(rows).write_image(options.picture, width=1000, height=460, scale=1.5)
    print(table(rows))


if __name__ == "__main__":
    main()
