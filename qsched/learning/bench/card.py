"""The data card of SchedBench: what its files hold and where that comes from."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np

from qsched.learning.bench.data import Bench, among

__all__ = ["write_card"]

_TEXT = """\
# SchedBench {version}

{runs:,} trainings of small quantized networks, each by a schedule of its own: the data from which
qsched learns schedules. {tasks} tasks; one design of schedules, the same for every task, besides
hand-coded and static ones. Made by qsched itself; the commands are in `docs/schedbench.md`, which
also says how it was designed, what may be concluded from it and what may not. The last one is

    qsched bench-data --minutes 0 --export studies/data

## Files

| file | rows | SHA-256 |
|---|---|---|
{files}

- `tasks.parquet`: a row a task: data set, network, precision, length, features for rules, and the
  task itself as JSON.
- `arms.parquet`: a row a schedule: algorithm, kind, place and group, the data set left out when it
  was made, parameters in the bundled search space, the schedule as JSON.
- `runs.parquet`: a row a training: task, arm, phase, seed, learning rate, length (share of the
  task's epochs), validation accuracy and cross-entropy of the *hard-quantized* network, whether it
  diverged, steps, seconds, and a curve of five points (validation accuracy, training loss) after
  each fifth of the steps.
- `tests.parquet`: accuracy and cross-entropy on the test set, by the key of the run: of phase
  `report` alone. Read it after the claims are fixed.

Every column is described at the classes `Tasks`, `Arms`, `Runs` and `Tests` of
`qsched.learning.bench.data`. `key` is the first sixteen digits of the SHA-256 of the run (task,
schedule, seed, length, split) in canonical JSON.

Phases: `search` has seeds 0, 1, ..., common to all arms; arms that are not of the design are
trained at several learning rates. `report` has seeds 200,000, 200,001, ...: the best arms of each
group, at the learning rate that was best in the search. Equal seeds have equal initial weights,
batches and noise.

## Counts

{kinds}

| task | runs | arms | of the design | diverged | best mean of the search |
|---|---|---|---|---|---|
{counts}

## Made with

{versions}.

SHA-256 of the sorted keys of all runs: `{runs_sha256}`

SHA-256 of the file of tasks and arms, as read: `{bench_sha256}`

## Source data

No example of a data set is in these files, only accuracies, losses and counts.

| data set | where from | license |
|---|---|---|
{sources}

The files themselves are under qsched's license, Apache-2.0.
"""

_SOURCES = {
    "digits": (
        "scikit-learn; test set of UCI Optical Recognition of Handwritten Digits (Alpaydin and "
        "Kaynak, 1998)",
        "CC BY 4.0",
    ),
    "breast-cancer": (
        "scikit-learn; UCI Breast Cancer Wisconsin (Diagnostic) (Wolberg et al., 1995)",
        "CC BY 4.0",
    ),
    "fashion-mnist": ("Zalando Research (Xiao, Rasul and Vollgraf, 2017)", "MIT"),
    "cifar10": ("Krizhevsky (2009)", "none stated; to be cited"),
}


def write_card(bench: Bench, folder: Path) -> None:
    """Write ``README.md`` beside the files of a bench."""
    about = bench.about
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items())
    text = _TEXT.format(
        version=about["versions"]["export"],
        runs=about["runs"],
        tasks=about["tasks"],
        files="\n".join(_files(bench, folder)),
        kinds=_kinds(bench),
        counts="\n".join(_counts(bench)),
        versions=versions,
        runs_sha256=about["runs_sha256"],
        bench_sha256=about["bench_sha256"],
        sources="\n".join(
            f"| {name} | {where} | {terms} |"
            for name, (where, terms) in _SOURCES.items()
            if name in bench.tasks.dataset
        ),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _files(bench: Bench, folder: Path) -> list[str]:
    sizes = {
        "tasks": len(bench.tasks),
        "arms": len(bench.arms),
        "runs": len(bench.runs),
        "tests": bench.about["tests"],
    }
    return [
        f"| `{name}.parquet` | {count:,} | "
        f"`{sha256((folder / f'{name}.parquet').read_bytes()).hexdigest()}` |"
        for name, count in sizes.items()
    ]


def _kinds(bench: Bench) -> str:
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    runs = Counter(kinds[arm] for arm in bench.runs.arm)
    arms = Counter(bench.arms.kind)
    return "\n".join(
        f"- {kind}: {arms[kind]:,} arms, {runs[kind]:,} runs" for kind in sorted(runs)
    )


def _counts(bench: Bench) -> list[str]:
    """Return a line a task."""
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    lines = []
    for task in bench.tasks.name:
        runs = bench.runs.where(bench.runs.task == task)
        design = sum(kinds[arm] == "design" for arm in set(runs.arm))
        lines.append(
            f"| {task} | {len(runs):,} | {len(set(runs.arm)):,} | {design:,} | "
            f"{int(runs.diverged.sum()):,} | {_best(bench, task)} |"
        )
    return lines


def _best(bench: Bench, task: str) -> str:
    """Return the quantized arm of highest mean accuracy in the search, at its learning rate."""
    plain = bench.arms.name[bench.arms.kind == "full precision"]
    rows = bench.runs
    mask = (rows.task == task) & (rows.phase == "search") & (rows.length == 1)
    part = rows.where(mask & ~among(rows.arm, plain))
    if not len(part):
        return ""
    names, cells = np.unique(
        [f"{a}@{r:g}" for a, r in zip(part.arm, part.learning_rate, strict=True)],
        return_inverse=True,
    )
    means = np.bincount(cells, part.accuracy) / np.bincount(cells)
    best = int(np.argmax(means))
    return f"{names[best].partition('@')[0]}, {100 * means[best]:.1f} %"
