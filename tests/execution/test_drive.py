"""The loop that pools share, with a pool that does what each test says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qsched.errors import InputError, TrainingError
from qsched.execution import one_by_one, split
from qsched.execution.board import Board
from qsched.execution.drive import RETRIES, Answer, Broken, Event, Job, Lost, drive, pending
from qsched.testing.trainings import echo, make_runs

COHORTS = split(make_runs(6), 1)


class Scripted:
    """Workers that answer in turns: one turn a call of ``listen``.

    Attributes:
        holding: which cohort each worker has.
        given: the cohorts in the order they were handed out.
        dropped: how often busy workers were ended.
    """

    def __init__(self, size: int, *turns: list[Event]) -> None:
        self.holding: dict[int, int | None] = dict.fromkeys(range(size))
        self.turns = list(turns)
        self.given: list[int] = []
        self.dropped = 0
        self.silent: set[int] = set()

    def start(self, wanted: int) -> None:
        pass

    def idle(self) -> list[int]:
        return [worker for worker, number in self.holding.items() if number is None]

    def give(self, worker: int, job: Job) -> None:
        assert job.cohort is COHORTS[job.number]
        self.holding[worker] = job.number
        self.given.append(job.number)

    def awaited(self) -> list[int]:
        return [
            number
            for worker, number in self.holding.items()
            if number is not None and worker not in self.silent
        ]

    def listen(self) -> Iterator[Event]:
        for event in self.turns.pop(0):
            if not isinstance(event, Broken):
                workers = [w for w, number in self.holding.items() if number == event.number]
                self.holding |= dict.fromkeys(workers[:1])
            yield event

    def drop(self) -> None:
        self.dropped += 1


def answer(number: int) -> Answer:
    return Answer(number, echo(COHORTS[number]))


def lost(number: int, words: str = "lost") -> Lost:
    return Lost(number, TrainingError(words))


def driven(pool: Scripted, count: int) -> list[int]:
    cohorts = COHORTS[:count]
    return [number for number, _ in one_by_one(drive(Board(cohorts, RETRIES), cohorts, pool))]


def test_cohorts_come_back_as_they_are_answered_and_together_where_they_are() -> None:
    pool = Scripted(2, [answer(1)], [], [answer(0), answer(2)])
    together = drive(Board(COHORTS[:3], RETRIES), COHORTS[:3], pool)
    assert [[number for number, _ in answers] for answers in together] == [[1], [0, 2]]
    assert pool.given == [0, 1, 2]
    assert pool.dropped == 1


def test_a_lost_cohort_goes_out_before_the_others_and_at_most_three_times() -> None:
    turns = [[lost(0, f"loss {i}"), answer(1 + i)] for i in range(RETRIES + 1)]
    pool = Scripted(2, *turns)
    finished = []
    with pytest.raises(TrainingError, match=f"loss {RETRIES}"):
        for number, _ in one_by_one(drive(Board(COHORTS, RETRIES), COHORTS, pool)):
            finished.append(number)
    assert pool.given == [0, 1, 0, 2, 0, 3]
    assert finished == [1, 2, 3]


def test_what_is_under_way_is_finished_after_a_failure_and_nothing_is_begun() -> None:
    pool = Scripted(3, [Broken(InputError("no plugin"))], [answer(2)], [answer(0), answer(1)])
    finished = []
    with pytest.raises(InputError, match="no plugin"):
        for number, _ in one_by_one(drive(Board(COHORTS, RETRIES), COHORTS, pool)):
            finished.append(number)
    assert pool.given == [0, 1, 2]
    assert finished == [2, 0, 1]


def test_the_first_failure_is_raised_and_a_worker_lost_after_it_is_not_awaited() -> None:
    pool = Scripted(2, [Broken(InputError("first"))], [lost(0, "second")], [answer(1)])
    with pytest.raises(InputError, match="first"):
        driven(pool, 3)
    assert pool.given == [0, 1]
    assert pool.turns == []


def test_the_first_of_two_answers_counts_and_the_second_is_not_awaited() -> None:
    pool = Scripted(2, [lost(0)], [answer(0), answer(0), answer(1)])
    assert driven(pool, 2) == [0, 1]
    board = Board(COHORTS[:1], RETRIES)
    board.next()
    pool.holding = {0: 0, 1: 0}
    assert pending(board, pool)
    board.accept(0)
    assert not pending(board, pool)


def test_a_silent_worker_is_not_awaited() -> None:
    pool = Scripted(1)
    pool.holding, pool.silent = {0: 0}, {0}
    board = Board(COHORTS[:1], RETRIES)
    board.next()
    assert not pending(board, pool)


def test_nobody_idles_while_results_are_used() -> None:
    pool = Scripted(1, [answer(0)], [answer(1)])
    results = one_by_one(drive(Board(COHORTS[:2], RETRIES), COHORTS[:2], pool))
    assert next(results)[0] == 0
    assert pool.given == [0, 1]
    assert [number for number, _ in results] == [1]


def test_busy_workers_are_ended_when_the_caller_stops() -> None:
    pool = Scripted(1, [answer(0)])
    for number, _ in one_by_one(drive(Board(COHORTS, RETRIES), COHORTS, pool)):
        assert (number, pool.dropped) == (0, 0)
        break
    assert pool.dropped == 1
