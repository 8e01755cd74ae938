"""Events of a study: every rung is sent, however short it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from qsched.service.events import events
from qsched.storage import Storage
from qsched.study.noted import noted
from qsched.study.progress import Ticker
from tests.service.served import served

RUNGS = ["8 schedules x 2 seeds", "3 schedules x 2 seeds", "3 schedules x 2 seeds"]


def test_rungs_between_two_looks_are_sent_in_order(tmp_path: Path) -> None:
    with served(tmp_path, tokens=False) as server:
        studies = server.app.state.service.studies
        with Storage.open(server.settings.database) as storage:
            storage.set_state("stopped", "running")
            study = Ticker(noted(storage, "stopped", lambda progress: None), 8, lambda _: 0.0)
            study.phase("search")

            async def read() -> list[Any]:
                stream = events(studies, "stopped", -1, 0.0, lambda: True)
                first = await _until(stream, "progress")
                for rung in RUNGS:  # No look falls between these.
                    study.plan(16, rung)
                    study.say("the database is away")
                    study.finish(16, trained=True)
                storage.set_state("stopped", "interrupted")
                return first + await _until(stream, "end")

            found = asyncio.run(read())
    assert [data for kind, data in found if kind == "rung"] == [
        {"number": number, "phase": "search", "rung": rung}
        for number, rung in enumerate(["", *RUNGS], start=1)
    ]


async def _until(stream: AsyncIterator[Any], last: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    while not found or found[-1][0] != last:
        event = await anext(stream)
        found.append((event.event, event.data))
    return found


def test_a_resumed_study_counts_on(tmp_path: Path) -> None:
    with served(tmp_path, tokens=False) as server:
        studies = server.app.state.service.studies
        with Storage.open(server.settings.database) as storage:
            for _ in range(2):  # Two processes, one after the other.
                study = Ticker(noted(storage, "stopped", lambda progress: None), 8, lambda _: 0.0)
                study.phase("search")
                study.plan(4, RUNGS[0])
        numbers = [(rung.number, rung.rung) for rung in studies.rungs("stopped")]
        assert numbers == [(1, ""), (2, RUNGS[0]), (3, ""), (4, RUNGS[0])]
        assert [rung.number for rung in studies.rungs("stopped", after=3)] == [4]
