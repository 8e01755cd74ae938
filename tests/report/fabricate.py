"""A plausible study, fabricated and stored in the very form that real studies have.

Accuracies follow a simple law of the schedule plus seed noise, so that every number can be
recomputed plainly from what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from qsched.schedules import Ana, Inq, Lag, LearningRate, Power, Schedule, Steps, Window
from qsched.specs import (
    Budget,
    Confirmation,
    CurvePoint,
    DataSpec,
    NetworkSpec,
    Run,
    RunResult,
    StudySpec,
    TaskSpec,
    digest,
)
from qsched.storage import Phase, RunRow, Storage
from qsched.study.statistics import interval, paired
from qsched.study.verdict import ArmSummary, Comparison, Contender, Verdict, sentence

STEPS = tuple(range(30, 301, 30))
RATE = LearningRate(initial=0.01)

DISTRIBUTIONS = {
    "backward_std": FloatDistribution(0.3, 3.0, log=True),
    "backward_floor": FloatDistribution(0.0, 1.0),
    "forward": CategoricalDistribution(("expectation", "mode", "random")),
    "forward_std": FloatDistribution(0.0, 1.0),
    "learning_rate": FloatDistribution(0.003, 0.03, log=True),
    "window_end": FloatDistribution(0.4, 0.9),
    "layer_offset": FloatDistribution(-1.0, 1.0),
}


@dataclass(frozen=True)
class Arm:
    """An arm with its true accuracy; ``kind`` as the study records it."""

    name: str
    kind: str
    schedule: Schedule
    accuracy: float
    params: dict[str, object]


def spec(name: str = "digits-ana", candidates: int = 48) -> StudySpec:
    """The study's specification."""
    return StudySpec(
        name=name,
        about="Digits on a deep narrow network, ternary weights and activations",
        task=TaskSpec(
            data=DataSpec(name="digits", validation=400),
            network=NetworkSpec(name="mlp9", width=16),
            epochs=10,
            batch_size=32,
        ),
        space="ana",
        baselines=("ana-cvpr-partition", "ana-2019"),
        budget=Budget(trials=candidates),
        confirmation=Confirmation(report_seeds=12),
    )


def tied() -> Schedule:
    """Noise that dies with the forward noise, lower layers first."""
    noise = Ana(forward_std=0.29, backward_std=0.29)
    window = Window(end=0.9, offset_start=0.8, offset_end=0.8)
    return Schedule(window=window, weights=noise, activations=noise, learning_rate=RATE)


def overlapped() -> Schedule:
    """Constant backward noise, overlapping windows."""
    noise = Ana(forward_std=0.29, backward_std=0.58, backward_floor=1.0)
    window = Window(end=0.8, offset_end=0.6)
    return Schedule(window=window, weights=noise, activations=noise, learning_rate=RATE)


def static(std: float) -> Schedule:
    """Clipped STE of one backward width."""
    noise = Ana(forward_std=0.0, backward_std=std, backward_floor=1.0)
    return Schedule(weights=noise, activations=noise, learning_rate=RATE)


def stepped() -> Schedule:
    """INQ in four stages."""
    return Schedule(
        window=Window(start=0.1, end=0.8),
        decay=Steps(fractions=(0.5, 0.75, 0.875, 1.0)),
        weights=Inq(),
        learning_rate=RATE,
    )


def _candidate(number: int, rng: np.random.Generator) -> Arm:
    std = float(np.exp(rng.uniform(np.log(0.3), np.log(3.0))))
    floor = float(rng.uniform())
    forward = str(rng.choice(["expectation", "mode", "random"]))
    params: dict[str, object] = {
        "backward_std": std,
        "backward_floor": floor,
        "forward": forward,
        "forward_std": float(rng.uniform()),
        "learning_rate": float(np.exp(rng.uniform(np.log(0.003), np.log(0.03)))),
        "window_end": float(rng.uniform(0.4, 0.9)),
    }
    if floor < 0.3:
        params["layer_offset"] = float(rng.uniform(-1, 1))
    offset = float(params.get("layer_offset", 0.0))  # type: ignore[arg-type]
    noise = Ana(
        forward=forward,  # type: ignore[arg-type]
        forward_std=params["forward_std"],  # type: ignore[arg-type]
        backward_std=std,
        backward_floor=floor,
    )
    schedule = Schedule(
        window=Window(end=params["window_end"], offset_start=offset),  # type: ignore[arg-type]
        decay=Power(exponent=1.5),
        lag=Lag(activations=0.05),
        weights=noise,
        activations=noise,
        learning_rate=LearningRate(initial=params["learning_rate"]),  # type: ignore[arg-type]
    )
    accuracy = 0.875 - 0.2 * abs(np.log(std / 1.5)) - 0.1 * (1 - floor) ** 2
    accuracy -= 0.06 * (forward == "random")
    return Arm(f"trial-{number}", "candidate", schedule, float(max(0.2, accuracy)), params)


def arms(candidates: int) -> list[Arm]:
    """Baselines, static arms, candidates, in the order of their trials."""
    known = [
        Arm("ana-cvpr-partition", "baseline", tied(), 0.55, {}),
        Arm("ana-2019", "baseline", overlapped(), 0.826, {}),
        Arm("static-0.41", "static", static(0.41), 0.79, {}),
        Arm("static-0.82", "static", static(0.82), 0.805, {}),
    ]
    rng = np.random.default_rng(3)
    return known + [_candidate(len(known) + i, rng) for i in range(candidates)]


def full_precision() -> Arm:
    """The ceiling; it has runs but no trial."""
    return Arm("full-precision", "full precision", Schedule(learning_rate=RATE), 0.951, {})


def run_row(study: StudySpec, arm: Arm, phase: Phase, seed: int, failed: bool = False) -> RunRow:
    """One fabricated run, the same for the same arguments."""
    run = Run(
        task=study.task,
        schedule=arm.schedule,
        seed=seed,
        evaluate="test" if phase == "report" else "validation",
    )
    rng = np.random.default_rng(int(run.key[:12], 16))
    if failed:
        result = RunResult(key=run.key, status="failed", steps=60, seconds=0.1, reason="NaN loss")
        return RunRow(arm.name, phase, run, result)
    final = float(np.clip(arm.accuracy + rng.normal(0, 0.012), 0, 1))
    rise = 1 - np.exp(-np.array(STEPS) / (60 + 120 * (1 - arm.accuracy)))
    noise = rng.normal(0, 0.008, len(STEPS))
    course = np.clip(0.1 + (final - 0.1) * rise / rise[-1] + noise, 0, 1)
    curve = tuple(
        CurvePoint(step=step, loss=2.0 - float(a), accuracy=float(a))
        for step, a in zip(STEPS, course, strict=True)
    )
    result = RunResult(
        key=run.key,
        status="finished",
        accuracy=final,
        loss=0.5,
        curve=curve,
        steps=STEPS[-1],
        seconds=0.25,
        versions={"torch": "2.13.0", "qsched": "0.1.0"},
    )
    return RunRow(arm.name, phase, run, result)


def _trial(arm: Arm, rows: list[RunRow], raced_out: bool) -> FrozenTrial:
    scores = [row.result.accuracy or 0.0 for row in rows]
    means = {n: fmean(scores[:n]) for n in range(1, len(scores) + 1)}
    return create_trial(
        state=TrialState.PRUNED if raced_out else TrialState.COMPLETE,
        value=fmean(scores),
        params=arm.params,
        distributions={name: DISTRIBUTIONS[name] for name in arm.params},
        intermediate_values=means,
        user_attrs={
            "arm": arm.name,
            "kind": arm.kind,
            "seeds": len(scores),
            "schedule": arm.schedule.model_dump_json(),
        },
    )


def search(storage: Storage, study: StudySpec) -> list[Arm]:
    """Store a study with its search, and nothing after it; return its arms."""
    storage.save_study(study, digest(study))
    everyone = arms(study.budget.trials)
    optuna.create_study(storage=storage.optuna, study_name=study.name, direction="maximize")
    rows, trials = [], []
    for arm in everyone:
        raced_out = arm.accuracy < 0.75
        own = [run_row(study, arm, "search", seed) for seed in range(2 if raced_out else 8)]
        rows.extend(own)
        trials.append(_trial(arm, own, raced_out))
    rows.extend(run_row(study, full_precision(), "search", seed) for seed in range(8))
    storage.add_runs(study.name, rows)
    storage.add_trials(study.name, trials)
    return everyone


def confirm(storage: Storage, study: StudySpec, everyone: list[Arm], gain: float = 0.0) -> Verdict:
    """Store the report runs and the verdict of a searched study."""
    found = max((a for a in everyone if a.kind == "candidate"), key=lambda a: a.accuracy)
    chosen: dict[Contender, Arm] = {
        "found": Arm(found.name, found.kind, found.schedule, found.accuracy + gain, {}),
        "hand-coded": next(a for a in everyone if a.name == "ana-2019"),
        "static": next(a for a in everyone if a.name == "static-0.82"),
        "full precision": full_precision(),
    }
    seeds = range(200_000, 200_000 + study.confirmation.report_seeds)
    level = study.confirmation.level
    rows = {
        c: [run_row(study, arm, "report", seed) for seed in seeds] for c, arm in chosen.items()
    }
    accuracies = {c: [row.result.accuracy or 0.0 for row in r] for c, r in rows.items()}
    summaries = tuple(
        ArmSummary(
            contender=c,
            arm=arm.name,
            schedule=arm.schedule,
            accuracies=tuple(accuracies[c]),
            mean=fmean(accuracies[c]),
            interval=interval(accuracies[c], level),
        )
        for c, arm in chosen.items()
    )
    comparisons = []
    for summary in summaries[1:]:
        test = paired(accuracies["found"], accuracies[summary.contender], level)
        comparisons.append(
            Comparison(
                other=summary.contender,
                arm=summary.arm,
                difference=test.difference,
                interval=test.interval,
                p_value=test.p_value,
                seeds=test.count,
                significant=test.significant,
            )
        )
    verdict = Verdict(
        study=study.name,
        spec_sha256=digest(study),
        level=level,
        trials=study.budget.trials,
        seeds=tuple(seeds),
        arms=summaries,
        comparisons=tuple(comparisons),
        sentence=sentence(summaries, comparisons),
        rungs="all rungs train at full length",
    )
    storage.add_runs(study.name, [row for group in rows.values() for row in group])
    storage.set_verdict(study.name, verdict.model_dump(mode="json"))
    storage.set_state(study.name, "finished")
    return verdict
