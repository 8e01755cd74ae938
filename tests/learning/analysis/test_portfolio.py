"""Portfolios: against exhaustive search, and with gaps."""

from __future__ import annotations

import itertools

import numpy as np

from qsched.learning.analysis.portfolio import greedy_portfolio


def test_the_first_is_the_best_single_one_and_pairs_are_near_the_best_pair() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        losses = random.random((6, 9))
        chosen = greedy_portfolio(losses, 2)
        assert chosen[0] == int(losses.mean(axis=0).argmin())
        pairs = itertools.combinations(range(9), 2)
        best = min(losses[:, pair].min(axis=1).mean() for pair in map(list, pairs))
        found = losses[:, chosen].min(axis=1).mean()
        # Greedy covers at least 1 - 1/e of what the best pair gains over nothing (loss 1).
        assert 1 - found >= (1 - 1 / np.e) * (1 - best)


def test_schedules_that_miss_a_task_are_not_chosen() -> None:
    losses = np.array([[0.0, 0.5, 0.9], [np.nan, 0.5, 0.1]])
    assert greedy_portfolio(losses, 3) == [1, 2]


def test_the_first_may_be_confined() -> None:
    losses = np.array([[0.1, 0.2, 0.3]])
    assert greedy_portfolio(losses, 2, first=np.array([False, True, True])) == [1, 0]
    assert greedy_portfolio(losses, 1, first=np.zeros(3, dtype=bool)) == [0]
