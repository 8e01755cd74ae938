"""Three disjoint pools of training seeds: search, selection, report."""

from __future__ import annotations

from qsched.storage import Phase

__all__ = ["Phase", "in_pool", "pool"]

_POOLS: tuple[Phase, ...] = ("search", "selection", "report")
_POOL_SIZE = 100_000


def pool(phase: Phase, study_seed: int, count: int) -> tuple[int, ...]:
    """Return the first ``count`` training seeds of a phase.

    Pools of different phases, and of different study seeds, have no seed in common. Within a phase
    all schedules share their seeds (common random numbers), so they are compared in pairs.

    Raises:
        ValueError: ``count`` exceeds the size of a pool, 100,000.

    >>> pool("search", 0, 3), pool("report", 1, 2)
    ((0, 1, 2), (500000, 500001))
    """
    if count > _POOL_SIZE:
        raise ValueError(f"a pool holds {_POOL_SIZE} seeds, but {count} were asked for")
    first = (study_seed * len(_POOLS) + _POOLS.index(phase)) * _POOL_SIZE
    return tuple(range(first, first + count))


def in_pool(phase: Phase, study_seed: int, seed: int) -> bool:
    """Return whether ``seed`` is one of a phase's training seeds.

    >>> in_pool("search", 0, 99_999), in_pool("search", 0, 100_000)
    (True, False)
    """
    [first] = pool(phase, study_seed, 1)
    return first <= seed < first + _POOL_SIZE
