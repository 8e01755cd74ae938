"""One process holds the lease of a study; a stale one passes to exactly one other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from qsched.storage import Lease, Storage


def test_one_holds_it_until_it_is_released(storage: Storage) -> None:
    leases = storage.leases
    assert leases.read("t") is None
    assert leases.take("t", "a", 5.0)
    assert not leases.take("t", "b", 5.0)
    assert leases.read("t") == Lease("a", 0, 5.0)
    leases.release("t", "b")  # Not its lease.
    assert leases.read("t") == Lease("a", 0, 5.0)
    leases.release("t", "a")
    assert leases.take("t", "b", 7.0)
    assert leases.read("t") == Lease("b", 0, 7.0)


def test_renewing_counts_beats_and_tells_who_lost_it(storage: Storage) -> None:
    leases = storage.leases
    assert leases.take("t", "a", 5.0)
    assert leases.renew("t", "a")
    assert leases.renew("t", "a")
    seen = leases.read("t")
    assert seen == Lease("a", 2, 5.0)
    assert leases.take("t", "b", 5.0, after=seen)
    assert not leases.renew("t", "a")
    assert leases.renew("t", "b")


def test_a_beat_after_the_look_keeps_the_lease(storage: Storage) -> None:
    leases = storage.leases
    leases.take("t", "a", 5.0)
    seen = leases.read("t")
    leases.renew("t", "a")
    assert not leases.take("t", "b", 5.0, after=seen)
    assert leases.renew("t", "a")


def test_of_many_one_takes_a_stale_lease(storage: Storage) -> None:
    leases = storage.leases
    leases.take("t", "dead", 5.0)
    seen = leases.read("t")
    names = [f"p{i}" for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda name: leases.take("t", name, 5.0, after=seen), names))
    assert got.count(True) == 1
    assert leases.read("t") == Lease(names[got.index(True)], 0, 5.0)


def test_a_database_in_memory_needs_none(storage: Storage) -> None:
    assert storage.leases.needed
    with Storage.open("sqlite://") as memory:
        assert not memory.leases.needed
