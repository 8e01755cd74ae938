"""Fabricated studies: one finished, one still searching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from qsched.storage import Storage
from tests.report import fabricate


@pytest.fixture(scope="session")
def finished() -> Iterator[Storage]:
    """A database with one finished study, only to be read."""
    with closing(Storage.open("sqlite://")) as storage:
        study = fabricate.spec()
        fabricate.confirm(storage, study, fabricate.search(storage, study))
        yield storage


@pytest.fixture(scope="session")
def searching() -> Iterator[Storage]:
    """A database with one study of six candidates and no verdict, only to be read."""
    with closing(Storage.open("sqlite://")) as storage:
        fabricate.search(storage, fabricate.spec(candidates=6))
        yield storage


@pytest.fixture
def empty() -> Iterator[Storage]:
    """A database of one's own, without studies."""
    with closing(Storage.open("sqlite://")) as storage:
        yield storage
