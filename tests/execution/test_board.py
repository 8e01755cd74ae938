"""Cohorts go out until each is answered, and each answer counts once."""

from __future__ import annotations

from qsched.execution.board import Board


def _taken(board: Board) -> list[int]:
    out = []
    while (cohort := board.next()) is not None:
        out.append(cohort)
    return out


def test_each_goes_out_once_in_order() -> None:
    board = Board(range(3), retries=1)
    assert board.waiting == 3
    assert _taken(board) == [0, 1, 2]
    assert board.waiting == 0


def test_what_comes_back_goes_out_first_and_only_so_often() -> None:
    board = Board(range(3), retries=2)
    for _ in range(2):
        assert board.next() == 0
        assert board.put_back(0)
    assert board.next() == 0
    assert not board.put_back(0)
    assert _taken(board) == [1, 2]


def test_the_first_answer_counts() -> None:
    board = Board(range(1), retries=2)
    board.next()
    board.put_back(0)  # Its worker fell silent ...
    board.next()  # ... another one got it,
    assert board.accept(0)  # and the first one came back.
    assert not board.accept(0)
    assert board.answered(0)


def test_a_late_answer_saves_the_second_training() -> None:
    board = Board(range(2), retries=2)
    assert _taken(board) == [0, 1]
    board.put_back(0)
    assert board.accept(0)
    assert board.waiting == 0
    assert board.put_back(0)  # The worker dies after its answer: nothing to do.
    assert board.waiting == 0
    assert not board.answered(1)


def test_one_that_waits_is_not_put_back_twice() -> None:
    board = Board(range(1), retries=1)
    board.next()
    assert board.put_back(0)
    assert board.put_back(0)  # Two workers had it and both were lost: it waits once.
    assert _taken(board) == [0]


def test_what_is_added_goes_out_too_by_its_rank() -> None:
    ranks = [1, 1]
    board = Board(ranks, retries=1, rank=ranks.__getitem__)
    assert board.next() == 0
    ranks += [2, 0]
    assert board.waiting == 3
    board.put_back(0)
    assert _taken(board) == [0, 3, 1, 2]


def test_nothing_goes_out_any_more() -> None:
    cohorts = [0, 0]
    board = Board(cohorts, retries=1)
    assert board.next() == 0
    board.clear()
    cohorts.append(0)
    assert board.put_back(0)
    assert board.waiting == 0
    assert board.next() is None
