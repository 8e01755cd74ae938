"""What the service does with studies: the one place that routes and pages go through."""

from __future__ import annotations

import math

from optuna.trial import FrozenTrial

from qsched.errors import InputError, UnknownNameError
from qsched.files import Document
from qsched.schedules.file import ScheduleFile
from qsched.service.admission import admitted, readmitted
from qsched.service.background import Background
from qsched.service.drawing import render_report
from qsched.service.errors import StateError
from qsched.service.jobs import Job
from qsched.service.models import (
    Launched,
    Page,
    Progress,
    RungItem,
    RunItem,
    StudyDetail,
    StudyItem,
    StudyState,
    TrialItem,
)
from qsched.service.pool import Pool
from qsched.service.queries import Queries
from qsched.service.response_cache import SnapshotCache
from qsched.service.settings import Limits
from qsched.service.snapshots import Snapshot, Snapshots
from qsched.service.supervisor import Supervisor
from qsched.specs import StudySpec, digest
from qsched.storage import Storage
from qsched.study.export import export
from qsched.study.noted import NOTE as PROGRESS
from qsched.study.noted import RUNGS
from qsched.study.verdict import Verdict

__all__ = ["Studies"]


class Studies:
    """The studies of one server. May be used by several threads.

    Every method with a name raises :class:`~qsched.errors.UnknownNameError` for a study that is
    not stored, and all raise :class:`~qsched.errors.StorageError` where the database cannot be
    used.

    Args:
        limits: the most that the server takes on.
        pool: its database.
        queries: the same, for long tables.
        snapshots: the same, for many readers.
        supervisor: runs studies.
        url: the same database, for the background.
        background: draws reports.
    """

    def __init__(
        self,
        limits: Limits,
        pool: Pool,
        queries: Queries,
        snapshots: Snapshots,
        supervisor: Supervisor,
        url: str,
        background: Background,
    ) -> None:
        self._limits, self._pool, self._queries = limits, pool, queries
        self._snapshots, self._supervisor = snapshots, supervisor
        self._url, self._background = url, background
        self._details = SnapshotCache(snapshots, self.detail)

    def page(self, after: str | None = None, limit: int = 50) -> Page[StudyItem]:
        """Return how far ``limit`` studies are at the most, the oldest first.

        Args:
            after: only those stored after this one.
            limit: how many.
        """
        names = self._queries.names(after, limit + 1)
        items = [self.item(name) for name in names[:limit]]
        return Page(items=items, next=items[-1].study if len(names) > limit else None)

    def snapshot(self, name: str) -> Snapshot:
        """Return all that is known of a study, trials too, a moment ago."""
        return self._snapshots.get(name)

    def spec(self, name: str) -> StudySpec:
        """Return what a study was asked to do."""
        return self._snapshots.get(name).row.spec

    def item(self, name: str) -> StudyItem:
        """Return how far a study is."""
        found = self._snapshots.get(name)
        return StudyItem(**{**found.summary, "state": _state(found)})

    def one(self, name: str) -> StudyDetail:
        """Return a study with what it was asked to do, and what it last told."""
        return self._details.get(name)

    def detail(self, found: Snapshot) -> StudyDetail:
        """Return what :meth:`one` returns, of a study at the time of ``found``."""
        row = found.row
        job, told = Job.of(row.notes), row.notes.get(PROGRESS)
        known = [t for t in found.trials if t.user_attrs.get("kind") == "baseline"]
        best = max(known, key=lambda trial: trial.value or 0.0, default=None)
        return StudyDetail(
            **{**found.summary, "state": _state(found)},
            sha256=row.sha256,
            created=row.created,
            spec=row.spec.model_dump(mode="json"),
            progress=None if told is None else Progress.model_validate(told),
            reason=job.reason if job is not None and row.state == "failed" else None,
            best_baseline=best.value if best else None,
            best_baseline_arm=best.user_attrs["arm"] if best else None,
        )

    def rungs(self, name: str, after: int = 0) -> list[RungItem]:
        """Return the rungs of a study with numbers above ``after``; of the last 256."""
        kept = self._snapshots.get(name).row.notes.get(RUNGS, [])
        return [RungItem.model_validate(rung) for rung in kept if rung["number"] > after]

    def trials(self, name: str, after: int = -1, limit: int = 100) -> Page[TrialItem]:
        """Return ``limit`` trials at the most, by number, those after the trial ``after``."""
        rest = [t for t in self._snapshots.get(name).trials if t.number > after]
        items = [_trial(trial) for trial in rest[:limit]]
        return Page(items=items, next=str(items[-1].number) if len(rest) > limit else None)

    def runs(self, name: str, after: int = 0, limit: int = 100) -> Page[RunItem]:
        """Return ``limit`` runs at the most, as they were stored, those after the id ``after``."""
        self._snapshots.get(name)
        rows = self._queries.runs(name, after, limit + 1)
        items = [RunItem(**row) for row in rows[:limit]]
        return Page(items=items, next=str(items[-1].id) if len(rows) > limit else None)

    def verdict(self, name: str) -> Verdict:
        """Return what a study found.

        Raises:
            StateError: it has not ended.
        """
        row = self._snapshots.get(name).row
        if row.verdict is None:
            raise StateError(f"`{name}` has no verdict yet: it is {row.state}")
        return Verdict.model_validate(row.verdict, strict=False)

    def best(self, name: str, arm: str | None = None) -> ScheduleFile:
        """Return the schedule file of what a study found, or of another arm.

        Raises:
            StateError: ``arm`` is None and the study has not ended.
            UnknownNameError: the study has no such arm.
        """
        row = self._snapshots.get(name).row
        if arm is None and row.verdict is None:
            raise StateError(
                f"a study must be finished to export what it found, but `{name}` is {row.state}; "
                "wait for its end, or name an arm"
            )
        with self._pool.storage() as storage:
            return export(storage, name, arm)

    def report(self, name: str) -> str:
        """Return the report of a study, one HTML page.

        Raises:
            InputError: it has no runs yet.
        """
        self._snapshots.get(name)
        return self._background.call(render_report, self._url, name)

    def check(self, document: Document) -> StudySpec:
        """Return the study of a received document, if the server would take it.

        Raises:
            SpecError: it breaks rules; with every fault.
        """
        return admitted(document, self._limits)

    def launch(self, document: Document) -> Launched:
        """Take a received study, and run it when there is room.

        Raises:
            SpecError: it breaks rules; with every fault.
            StateError: another study of this name is stored.
            BusyError: too many studies wait already.
        """
        spec = admitted(document, self._limits)
        sha256 = digest(spec)
        with self._pool.storage() as storage:
            new = _is_new(storage, spec.name)
            if new:
                self._supervisor.check_room()
            try:
                storage.save_study(spec, sha256)
            except InputError as error:
                raise StateError(str(error)) from None
        if new:
            self._supervisor.run(spec)
        self._snapshots.drop(spec.name)
        state = self.item(spec.name).state
        return Launched(study=spec.name, sha256=sha256, state=state, created=new)

    def stop(self, name: str) -> StudyItem:
        """Let a study stop, after what it trains just now; nothing that it finished is lost.

        Raises:
            StateError: this server does not run it.
        """
        self._snapshots.get(name)
        self._supervisor.stop(name)
        self._snapshots.drop(name)
        return self.item(name)

    def resume(self, name: str) -> StudyItem:
        """Let a study that was stopped or that failed go on.

        Raises:
            SpecError: it was stored by a command, and this server does not take such a study.
            StateError: it is finished, or is just being stopped.
            BusyError: too many studies wait already.
        """
        row = self._snapshots.get(name).row
        if row.verdict is not None:
            raise StateError(f"`{name}` is finished; there is nothing to resume")
        self._supervisor.run(readmitted(row.spec, self._limits))
        self._snapshots.drop(name)
        return self.item(name)


def _state(found: Snapshot) -> StudyState:
    if found.row.state == "finished":
        return "finished"
    return found.phase or found.row.state


def _is_new(storage: Storage, name: str) -> bool:
    try:
        storage.study(name)
    except UnknownNameError:
        return True
    return False


def _trial(trial: FrozenTrial) -> TrialItem:
    """Return a trial; one that somebody made in the dashboard has less to it."""
    return TrialItem(
        number=trial.number,
        arm=str(trial.user_attrs.get("arm", f"trial-{trial.number}")),
        kind=str(trial.user_attrs.get("kind", "by hand")),
        state=trial.state.name.lower(),
        value=_finite(trial.values[0] if trial.values else None),
        seeds=int(trial.user_attrs.get("seeds", 0)),
        rungs={str(seeds): mean for seeds, mean in trial.intermediate_values.items()},
        params=trial.params,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
