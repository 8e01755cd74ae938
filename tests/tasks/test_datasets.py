"""Every data set of the project: those of files by tiny files in their layout."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from qsched.specs import DataSpec
from qsched.tasks import cifar10, idx
from qsched.testing.dataset import DatasetTestCase
from tests.tasks.published import TINY, write_cifar, write_tiny

SPECS = {
    "digits": DataSpec(name="digits", validation=400),
    "digits, half of it, pooled": DataSpec(name="digits", train=300, validation=150, pool=2),
    "breast-cancer": DataSpec(name="breast-cancer", validation=140),
    "wine": DataSpec(name="wine", validation=40),
    "mnist": DataSpec(name="mnist", validation=10),
    "fashion-mnist": DataSpec(name="fashion-mnist", validation=10),
    "cifar10": DataSpec(name="cifar10", validation=30, augment=True),
}
RECORDS = 20


@pytest.fixture
def tiny_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put tiny files where the real ones are looked for, and make their sizes the right ones."""
    for name in ("mnist", "fashion-mnist"):
        write_tiny(tmp_path / name)
    write_cifar(tmp_path / "cifar10", RECORDS)
    for name in ("MNIST", "FASHION_MNIST"):
        small = replace(getattr(idx, name), train=TINY.train, test=TINY.test)
        monkeypatch.setattr(idx, name, small)
    small_records = partial(cifar10.load_records, records=RECORDS)
    monkeypatch.setattr(
        cifar10, "load_records", lambda spec, folder, records: small_records(spec, folder)
    )
    monkeypatch.setenv("QSCHED_DATA", str(tmp_path))


class TestDatasets(DatasetTestCase):
    @pytest.fixture(params=SPECS)
    def spec(self, request: pytest.FixtureRequest, tiny_files: None) -> DataSpec:
        return SPECS[request.param]


class TestSynthetic(DatasetTestCase):
    nested = False  # it makes as many examples as are asked for

    @pytest.fixture
    def spec(self) -> DataSpec:
        return DataSpec(name="synthetic", train=200, validation=80)


def test_every_data_set_is_among_them() -> None:
    """In a process of its own: elsewhere other tests may have registered some."""
    script = "from qsched.registry import DATASETS; print(*DATASETS.names())"
    names = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    assert {"synthetic", *(spec.name for spec in SPECS.values())} == set(names)
