"""A study as a stream of events, while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.sse import ServerSentEvent

from qsched.service.models import RungItem, StudyDetail
from qsched.service.studies import Studies

__all__ = ["ENDED", "events"]

ENDED = ("finished", "failed", "interrupted")
_PAGE = 500


@dataclass
class _Sent:
    """What a listener has been sent."""

    trial: int = -1
    state: str | None = None
    best: float | None = None
    rung: int = 0
    progress: dict[str, Any] | None = None


async def events(
    studies: Studies, name: str, after: int, seconds: float, authorized: Callable[[], bool]
) -> AsyncIterator[ServerSentEvent]:
    """Yield what becomes of a study until it ends, or until the listener may not listen any more.

    Args:
        studies: the server's.
        name: the study.
        after: the number of the last trial that the listener has seen; -1 is none.
        seconds: how often to look.
        authorized: whether the listener may still listen; tokens expire and are revoked.
    """
    sent = _Sent(trial=after)
    while await asyncio.to_thread(authorized):
        study = await asyncio.to_thread(studies.one, name)
        rungs = await asyncio.to_thread(studies.rungs, name, sent.rung)
        for event in _changes(study, rungs, sent):
            yield event
        while True:
            page = await asyncio.to_thread(studies.trials, name, sent.trial, _PAGE)
            for trial in page.items:
                sent.trial = trial.number
                data = trial.model_dump(mode="json")
                yield ServerSentEvent(event="trial", id=str(trial.number), data=data)
            if page.next is None:
                break
        if study.state in ENDED:
            yield ServerSentEvent(event="end", data={"state": study.state})
            return
        await asyncio.sleep(seconds)


def _changes(
    study: StudyDetail, rungs: Sequence[RungItem], sent: _Sent
) -> Iterator[ServerSentEvent]:
    if study.state != sent.state:
        sent.state = study.state
        yield ServerSentEvent(event="state", data={"state": study.state})
    for rung in rungs:
        sent.rung = rung.number
        yield ServerSentEvent(event="rung", data=rung.model_dump(mode="json"))
    progress = study.progress
    if progress is not None:
        data = progress.model_dump(mode="json")
        if data != sent.progress:
            sent.progress = data
            yield ServerSentEvent(event="progress", data=data)
    if study.best is not None and study.best != sent.best:
        sent.best = study.best
        data = {"best": study.best, "best_arm": study.best_arm}
        yield ServerSentEvent(event="best", data=data)
