from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from qsched.specs import digest
from qsched.storage import Storage
from tests.storage.samples import SPEC

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def storage(url: str) -> Iterator[Storage]:
    """A database that holds the study ``t``."""
    with Storage.open(url) as opened:
        opened.save_study(SPEC, digest(SPEC))
        yield opened
