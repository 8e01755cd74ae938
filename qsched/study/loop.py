"""The study: baselines, search, selection, report.

A study is a function of its file. All that is random follows from its seed, every result is stored
as it comes, and what is stored is not trained again; so running the same study again resumes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from optuna.trial import FrozenTrial

from qsched.errors import ConflictError, TrainingError, UnreachableError
from qsched.execution import Executor, Inline
from qsched.spaces import SearchSpace, load_space
from qsched.specs import Run, Rung, RunResult, StudySpec, digest
from qsched.specs.heuristics import load_heuristics
from qsched.storage import Storage
from qsched.study import arms as arms_of
from qsched.study.arms import Arm, is_static
from qsched.study.confirm import compare, finalists, select, summaries
from qsched.study.forecast import PHASES, expected_runs
from qsched.study.ladder import usable_rungs
from qsched.study.lease import LeaseLost, Owned, await_lease
from qsched.study.measure import Measure
from qsched.study.patience import patient
from qsched.study.population import Populations, check_executor
from qsched.study.progress import Observe, Progress, Ticker
from qsched.study.racing import Raced, best_by_name, race
from qsched.study.records import Records, encoded
from qsched.study.sampling import Asked
from qsched.study.search import Search
from qsched.study.verdict import Contender, Verdict, sentence
from qsched.study.warm import ask_warm, warm_start

__all__ = ["derive", "run_study"]


def run_study(spec: StudySpec, storage: Storage, executor: Executor, observe: Observe) -> Verdict:
    """Run a study to its verdict, or resume it; a finished one is read from the database.

    One process runs a study. Where another one does, this one watches until there is a verdict,
    and goes on with the study if the other one ends or falls silent. While the server of the
    database is away, it waits, for ten minutes at the most.

    Args:
        spec: the study.
        storage: where its results go.
        executor: where its cohorts run.
        observe: is told of progress.

    Returns:
        The verdict, which is stored as well.

    Raises:
        InputError: another study of this name, with another definition, is in the database.
        StorageError: the database cannot be written.
        TrainingError: a cohort could not be trained.
        KeyboardInterrupt: the user stopped it; the study is marked as interrupted.
    """
    while True:
        try:
            storage.save_study(spec, digest(spec))
            stored = storage.study(spec.name)
            if stored.verdict is not None:
                if stored.state != "finished":  # A release of before was killed in between.
                    storage.set_state(spec.name, "finished")
                return Verdict.model_validate(stored.verdict, strict=False)
            owned = await_lease(storage, spec, observe)
            if owned is not None:
                with owned:
                    return _own(spec, storage, executor, observe, owned)
        except (ConflictError, LeaseLost):
            continue  # Another process has gone on with the study.
        except UnreachableError:
            reached = partial(storage.study, spec.name)
            patient(reached, lambda words: observe(Progress("waiting", rung=words)))


def derive(spec: StudySpec, storage: Storage) -> Verdict:
    """Return the verdict that a finished study comes to when it is run again.

    Everything is read from the database; nothing is trained or written.

    Raises:
        InputError: a file that the study names is not found.
        TrainingError: a run or a trial is missing.
        StorageError: the database cannot be read.
    """
    study = _Study(spec, storage, Inline(_untrained), lambda _: None)
    study.check_recorded()
    return study.run()


def _untrained(runs: Sequence[Run]) -> list[RunResult]:
    raise TrainingError(f"{len(runs)} runs are missing, the first one {runs[0].key}")


def _own(
    spec: StudySpec, storage: Storage, executor: Executor, observe: Observe, owned: Owned
) -> Verdict:
    """Run or resume a study that this process owns, for as long as it does."""

    def checked(progress: Progress) -> None:
        owned.check()
        observe(progress)

    check_executor(spec, executor)
    storage.set_state(spec.name, "running")
    try:
        with storage.guard():
            verdict = _Study(spec, storage, executor, checked).run()
    except KeyboardInterrupt:
        owned.mark("interrupted")
        raise
    except (ConflictError, LeaseLost, UnreachableError):
        raise
    except Exception:
        owned.mark("failed")
        raise
    storage.set_verdict(spec.name, verdict.model_dump(mode="json"))
    return verdict


class _Study:
    """The phases of one study, in order."""

    def __init__(
        self, spec: StudySpec, storage: Storage, executor: Executor, observe: Observe
    ) -> None:
        self._spec = spec
        self._space: SearchSpace = load_space(spec.space)
        learned = load_heuristics() if spec.warm_start != "none" else None
        self._warm = warm_start(spec, self._space, learned)
        self._ticker = Ticker(observe, spec.budget.trials, self._runs_ahead)
        self._measure = Measure(spec, storage, executor, self._ticker)
        self._records = Records(storage, spec.name)
        self._populations = Populations(spec, self._space, storage, executor, self._ticker.say)

    def check_recorded(self) -> None:
        """Raise TrainingError unless all trials are recorded."""
        names = {
            arm.name for arm in (*arms_of.hand_coded(self._spec), *arms_of.static(self._spec))
        }
        expected, found = len(names) + self._spec.budget.trials, len(self._records.trials)
        if found != expected:
            raise TrainingError(f"{found} trials of {expected} are recorded")

    def run(self) -> Verdict:
        full_precision = self._full_precision()
        known = self._baselines()
        rungs, words = usable_rungs(self._spec.budget, known, self._measure)
        candidates = self._search(known, rungs)
        return self._confirm(known, candidates, full_precision, words)

    def _full_precision(self) -> Arm:
        """Tune the learning rate of the full-precision network: the ceiling."""
        spec, arm = self._spec, arms_of.full_precision(self._spec)
        variants = arms_of.with_rates(arm, spec)
        seeds = range(spec.budget.rungs[-1].seeds)
        means = self._measure("search", variants, seeds).mean(axis=1)
        return variants[int(means.argmax())]

    def _baselines(self) -> list[Raced]:
        """Race all hand-coded and static arms, each at every learning rate."""
        spec = self._spec
        arms = [*arms_of.hand_coded(spec), *arms_of.static(spec)]
        variants = [variant for arm in arms for variant in arms_of.with_rates(arm, spec)]
        ladder = [rung for rung in spec.budget.rungs if rung.length == 1]
        tuned = best_by_name(self._measure.alone(race(variants, ladder)))
        self._records.write(0, [(encoded(self._space, entry), entry) for entry in tuned])
        self._tell_best(tuned)
        return tuned

    def _search(self, known: Sequence[Raced], rungs: Sequence[Rung]) -> list[Raced]:
        self._ticker.phase("search")
        search = Search(self._spec, self._space, self._ask, self._records, known, rungs)
        return search.run(self._measure, self._tell_finished)

    def _ask(
        self,
        history: Sequence[FrozenTrial],
        count: int,
        *,
        batch: int,
        pending: Sequence[Asked],
    ) -> Iterable[Asked]:
        spec, space, warm = self._spec, self._space, self._warm
        if spec.sampler.name == "pbt":
            return self._populations.ask(count, batch=batch)
        return ask_warm(space, spec, history, count, batch=batch, warm=warm, pending=pending)

    def _tell_finished(self, count: int, batch: Sequence[Raced]) -> None:
        self._ticker.trials(count)
        self._tell_best(batch)

    def _confirm(
        self,
        known: Sequence[Raced],
        candidates: Sequence[Raced],
        full_precision: Arm,
        rungs: str,
    ) -> Verdict:
        spec, plan = self._spec, self._spec.confirmation
        # A search finds static schedules, too. They are no schedule found but the bar itself, as
        # well tuned as the search could; else "found" could beat "static" by its learning rate.
        found = [entry for entry in candidates if not is_static(entry.arm.schedule)]
        hand = [entry for entry in known if entry.arm.kind == "baseline"]
        static = [
            entry
            for entry in (*known, *candidates)
            if entry.arm.kind != "baseline" and is_static(entry.arm.schedule)
        ]
        groups = [
            finalists(found or candidates, plan.candidates),
            finalists(hand, plan.baselines),
            finalists(static, plan.candidates),
        ]
        self._ticker.phase("selection")
        chosen = select(self._measure, groups, plan.selection_seeds)
        self._ticker.phase("report")
        names: tuple[Contender, ...] = ("found", "hand-coded", "static", "full precision")
        contenders = list(zip(names, [*chosen, full_precision], strict=True))
        arms = summaries(self._measure, contenders, plan)
        comparisons = tuple(compare(arms[0], other, plan.level) for other in arms[1:])
        return Verdict(
            study=spec.name,
            spec_sha256=digest(spec),
            level=plan.level,
            trials=len(candidates),
            seeds=self._measure.seeds("report", plan.report_seeds),
            arms=arms,
            comparisons=comparisons,
            sentence=sentence(arms, comparisons),
            rungs=rungs,
        )

    def _tell_best(self, entries: Sequence[Raced]) -> None:
        for entry in entries:
            if entry.finished:
                self._ticker.best(entry.mean, entry.arm.name)

    def _runs_ahead(self, state: Progress) -> float:
        """Estimate the runs of later phases, and of candidates that are not asked yet."""
        expected = expected_runs(self._spec)
        if state.phase not in expected:
            return 0.0
        ahead = sum(expected[phase] for phase in PHASES[PHASES.index(state.phase) + 1 :])
        if state.phase == "search":
            a_trial = expected["search"] / state.trials_total
            if state.trials:
                a_trial = state.done / state.trials
            ahead += (state.trials_total - state.trials) * a_trial
        return ahead
