"""Which runs are trained together."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from qsched.schedules import Ana, Inq
from qsched.specs import Run

__all__ = ["Cohort", "split"]

Cohort = tuple[Run, ...]
"""Runs of one task and one length, to be trained as one batched computation."""

_WORTH_SPLITTING = 16


def split(runs: Sequence[Run], lanes: int, parts: int = 1) -> list[Cohort]:
    """Split runs into cohorts of one task and one length, of nearly equal sizes.

    A cohort that trains as one computation is the faster the larger it is and the more alike its
    runs are. So runs that quantize in the same way stay together, otherwise in their order. From
    16 runs on the number of cohorts is even, so that two workers end together. The split depends
    on nothing else, such as the number of workers. Where each run trains alone (``parts`` > 1),
    all stay in their order, and there are as many cohorts as keep all workers busy to the end.

    Args:
        runs: runs of any tasks and lengths.
        lanes: the largest size of a cohort, at least 1.
        parts: what the number of cohorts is a multiple of, as far as there are runs; see
            :meth:`~qsched.execution.Executor.parts`.

    Returns:
        The cohorts; each run is in exactly one. None for no runs.

    Raises:
        ValueError: ``lanes`` or ``parts`` is less than 1.
    """
    if lanes < 1:
        raise ValueError(f"a cohort needs lanes >= 1, but got {lanes}")
    if parts < 1:
        raise ValueError(f"runs need parts >= 1, but got {parts}")
    groups: dict[object, list[Run]] = {}
    for run in runs:
        groups.setdefault((run.task, run.length), []).append(run)
    return [cohort for group in groups.values() for cohort in _cut(group, lanes, parts)]


def _cut(group: list[Run], lanes: int, parts: int) -> list[Cohort]:
    ordered = group if parts > 1 else sorted(group, key=_kind)
    multiple = 2 if parts == 1 and len(group) >= _WORTH_SPLITTING else parts
    count = min(ceil(len(group) / lanes / multiple) * multiple, len(group))
    edges = [len(group) * i // count for i in range(count + 1)]
    return [tuple(ordered[a:b]) for a, b in zip(edges, edges[1:], strict=False)]


def _kind(run: Run) -> tuple[str, ...]:
    """Return what decides which operations a run needs."""
    return (*_method(run.schedule.weights), *_method(run.schedule.activations))


def _method(method: Ana | Inq | None) -> tuple[str, str, str]:
    match method:
        case Ana():
            return method.kind, method.family, method.forward
        case Inq():
            return method.kind, method.partition, ""
        case None:
            return "", "", ""
