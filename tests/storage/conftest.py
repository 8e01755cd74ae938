from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from qsched.specs import digest
from qsched.storage import Storage
from tests.storage.samples import SPEC

optuna.logging.set_verbosity(optuna.logging.WARNING)


SQLITE_ONLY = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""Marks tests of what only a file has, or only SQLite can be asked for."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, in turn of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def storage(url: str) -> Iterator[Storage]:
    """A database that holds the study ``t``."""
    with Storage.open(url) as opened:
        opened.save_study(SPEC, digest(SPEC))
        yield opened
