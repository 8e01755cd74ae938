"""What holds for every study, told from its rows alone; docs/storage.md says why."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from qsched.errors import InputError, TrainingError
from qsched.files import json_digest
from qsched.storage import Storage, StudyRow
from qsched.storage.invariants import Violation, row_violations
from qsched.study.confirm import compare
from qsched.study.loop import derive
from qsched.study.seeds import Phase, in_pool, pool
from qsched.study.statistics import interval
from qsched.study.verdict import Verdict, sentence

__all__ = ["RULES", "Violation", "violations"]

RULES: dict[str, str] = {
    "study-hash": "a study's hash is that of its file",
    "schedule-hash": "a schedule's hash is that of its text",
    "run-key": "a run's key is that of its task, schedule, seed, length and split",
    "run-unique": "a study has a run once",
    "run-result": "a finished run has an accuracy in [0, 1] and a loss, a failed one a reason",
    "run-pool": "a run's seed is of its phase's pool; only the report opens the test set",
    "trial-numbers": "trials are numbered 0, 1, 2, ...",
    "trial-finished": "no trial is running or waiting: trials are written when they are finished",
    "trial-arm": "a candidate is called by its number, and says its schedule and its seeds",
    "trial-runs": "a trial has its runs, on the first seeds of the search",
    "trial-value": "a trial's values are the means of its runs",
    "budget": "a study has no more candidates than its budget, and all of them with its verdict",
    "verdict-state": "a study has a verdict if and only if it is finished",
    "verdict-runs": "a verdict's figures are those of its runs",
    "verdict-derived": "a study that is run again trains nothing and comes to its verdict",
}
"""Every rule that is checked, by name."""

_TOLERANCE = 1e-9

Group = tuple[Phase, str, float, str]
"""Phase, schedule, length, split."""


def violations(storage: Storage, names: list[str] | None = None) -> list[Violation]:
    """Return what a study database breaks of :data:`RULES`; nothing is changed.

    Args:
        storage: the database.
        names: check these studies only, besides the rules for rows; None is all.

    Raises:
        UnknownNameError: there is no study of such a name.
        StorageError: the database cannot be read.
    """
    rows = storage.studies() if names is None else [storage.study(name) for name in names]
    found = list(row_violations(storage))
    for row in rows:
        found.extend(_Checked(storage, row).violations())
    return found


@dataclass(frozen=True)
class _Checked:
    """One study under examination."""

    storage: Storage
    row: StudyRow

    def violations(self) -> Iterator[Violation]:
        for rule, row in self._faults():
            yield Violation(rule, self.row.name, row)

    def _faults(self) -> Iterator[tuple[str, str]]:
        yield from self._pools()
        for trial in self._trials:
            yield from self._arm(trial)
        yield from self._budget()
        if self.row.verdict is not None:
            verdict = Verdict.model_validate(self.row.verdict, strict=False)
            yield from self._report(verdict)
            yield from self._derived(verdict)

    @cached_property
    def _trials(self) -> list[FrozenTrial]:
        try:
            study = optuna.load_study(study_name=self.row.name, storage=self.storage.optuna)
        except KeyError:
            return []  # It was stored, but interrupted before its first trial.
        return study.get_trials(deepcopy=False)

    @cached_property
    def _scores(self) -> Mapping[Group, Mapping[int, float]]:
        """Accuracies by seed, by what was run; 0 where a run diverged."""
        scores: dict[Group, dict[int, float]] = {}
        for run in self.storage.scores(self.row.name):
            group = (run.phase, run.schedule, run.length, run.evaluate)
            scores.setdefault(group, {})[run.seed] = run.accuracy or 0.0
        return scores

    def _pools(self) -> Iterator[tuple[str, str]]:
        for (phase, schedule, _, evaluate), scores in self._scores.items():
            own = self.row.spec.seed
            strange = [seed for seed in scores if not in_pool(phase, own, seed)]
            if strange:
                yield "run-pool", f"{phase} runs of schedule {schedule[:12]}: seeds {strange}"
            if (evaluate == "test") != (phase == "report"):
                yield "run-pool", f"{phase} runs of schedule {schedule[:12]} on the {evaluate} set"

    def _arm(self, trial: FrozenTrial) -> Iterator[tuple[str, str]]:
        name, attributes = f"trial {trial.number}", trial.user_attrs
        if missing := {"arm", "kind", "seeds", "schedule"} - attributes.keys():
            yield "trial-arm", f"{name}: no {', '.join(sorted(missing))}"
            return
        if attributes["kind"] == "candidate" and attributes["arm"] != f"trial-{trial.number}":
            yield "trial-arm", f"{name}: it is called {attributes['arm']}"
        schedule = json_digest(json.loads(attributes["schedule"]))
        yield from self._values(trial, name, schedule, attributes["seeds"])

    def _values(
        self, trial: FrozenTrial, name: str, schedule: str, count: int
    ) -> Iterator[tuple[str, str]]:
        full = self._scores.get(("search", schedule, 1.0, "validation"), {})
        seeds = pool("search", self.row.spec.seed, count)
        if missing := [seed for seed in seeds if seed not in full]:
            yield "trial-runs", f"{name}: no run on seeds {missing}"
            return
        if not count:
            lengths = [rung.length for rung in self.row.spec.budget.rungs if rung.length < 1]
            groups = [("search", schedule, length, "validation") for length in lengths]
            if not any(group in self._scores for group in groups):
                yield "trial-runs", f"{name}: no run at all"
        for seen, value in [(count, trial.value), *trial.intermediate_values.items()]:
            scores = [full[seed] for seed in seeds[:seen]]
            mean = float(np.mean(scores)) if scores else 0.0
            if value is None or seen > count or not math.isclose(value, mean, abs_tol=_TOLERANCE):
                yield "trial-value", f"{name}: {value} on {seen} seeds, but its runs say {mean}"

    def _budget(self) -> Iterator[tuple[str, str]]:
        spec, last = self.row.spec, len(self._trials)
        count = sum(trial.user_attrs.get("kind") == "candidate" for trial in self._trials)
        budget = spec.budget.trials
        if count > budget or (self.row.verdict is not None and count != budget):
            yield "budget", f"{count} candidates of {budget}"
        batches = 0 if self.row.verdict is not None else 1 + spec.sampler.ahead
        ahead = batches * spec.sampler.batch
        arms = {run.arm for run in self.storage.scores(self.row.name)}
        numbers = [int(m[1]) for arm in arms if (m := re.fullmatch(r"trial-(\d+)", arm))]
        if strange := sorted(number for number in numbers if number >= last + ahead):
            yield "budget", f"runs of trials {strange}, which are not recorded"

    def _report(self, verdict: Verdict) -> Iterator[tuple[str, str]]:
        spec = self.row.spec
        if verdict.seeds != pool("report", spec.seed, spec.confirmation.report_seeds):
            yield "verdict-runs", "its seeds are not the report's"
        arms = []
        for arm in verdict.arms:
            schedule = json_digest(arm.schedule.model_dump(mode="json"))
            scores = self._scores.get(("report", schedule, 1.0, "test"), {})
            if missing := [seed for seed in verdict.seeds if seed not in scores]:
                yield "verdict-runs", f"{arm.arm}: no run on seeds {missing}"
                return
            seen = [scores[seed] for seed in verdict.seeds]
            figures = {
                "accuracies": tuple(seen),
                "mean": float(np.mean(seen)),
                "interval": interval(seen, verdict.level),
            }
            arms.append(arm.model_copy(update=figures))
        comparisons = tuple(compare(arms[0], other, verdict.level) for other in arms[1:])
        again = {
            "arms": tuple(arms),
            "comparisons": comparisons,
            "sentence": sentence(arms, comparisons),
        }
        if not _same(verdict, verdict.model_copy(update=again)):
            yield "verdict-runs", "its figures are not those of the report's runs"

    def _derived(self, verdict: Verdict) -> Iterator[tuple[str, str]]:
        try:
            again = derive(self.row.spec, self.storage)
        except TrainingError as error:
            yield "verdict-derived", str(error)
        except InputError:
            return  # Files that the study names are not at hand here.
        else:
            if not _same(verdict, again):
                yield "verdict-derived", f"now it would be: {again.sentence}"


def _same(a: Verdict, b: Verdict) -> bool:
    return _close(a.model_dump(mode="json"), b.model_dump(mode="json"))


def _close(a: Any, b: Any) -> bool:
    """Return whether JSON data is the same, but for the last digits of numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return bool(a == b)
