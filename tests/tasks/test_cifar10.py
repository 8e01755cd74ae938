"""CIFAR-10's binary layout: tiny files, always; the real ones where they are."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from qsched.errors import DataError
from qsched.specs import DataSpec
from qsched.tasks import cifar10
from tests.tasks.published import write_cifar

SPEC = DataSpec(name="cifar10", validation=20, augment=True)
RECORDS = 20


@pytest.mark.parametrize("below", [".", "cifar10", "cifar-10-batches-bin"])
def test_reads_what_was_written(tmp_path: Path, below: str) -> None:
    content = write_cifar(tmp_path / below, RECORDS)["test_batch.bin"]
    data = cifar10.load_records(SPEC, tmp_path, RECORDS)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [80, 20, 20]
    assert (data.shape, data.classes, data.augment) == ((3, 32, 32), 10, True)
    assert data.test.y.tolist() == content[:, 0].tolist()
    # Red, then green, then blue, each row by row.
    for n, channel, row, column in ((0, 0, 0, 0), (3, 1, 5, 31), (19, 2, 31, 7), (7, 1, 0, 1)):
        byte = content[n, 1 + 1024 * channel + 32 * row + column]
        same = content[:, 1:].reshape(RECORDS, 3, 32, 32)[:, channel] == byte
        values = data.test.x[:, channel][same]
        assert np.all(values == data.test.x[n, channel, row, column])


def _cut(folder: Path) -> None:
    path = folder / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-3073])


def _wrong_class(folder: Path) -> None:
    path = folder / "test_batch.bin"
    path.write_bytes(b"\x0a" + path.read_bytes()[1:])


def _remove(folder: Path) -> None:
    (folder / "data_batch_5.bin").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, r"data_batch_3.bin must have 61,460 bytes \(20 records of 3,073\), but .* 58,387"),
        (_wrong_class, "test_batch.bin must hold classes 0 to 9, but it holds 10"),
        (_remove, "data_batch_5.bin is not in"),
    ],
)
def test_faults_name_rule_found_and_fix(tmp_path: Path, damage: object, message: str) -> None:
    write_cifar(tmp_path, RECORDS)
    damage(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        cifar10.load_records(SPEC, tmp_path, RECORDS)
    assert "cifar-10-binary.tar.gz" in str(caught.value)


def test_published_size_is_required(tmp_path: Path) -> None:
    write_cifar(tmp_path, RECORDS)
    with pytest.raises(DataError, match=r"must have 30,730,000 bytes"):
        cifar10.load(SPEC, tmp_path)


def test_the_version_for_python_is_never_read(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    # A pickle that would create a file if anything opened it.
    trap = tmp_path / "trap"
    (folder / "data_batch_1").write_bytes(b"cbuiltins\nopen\n(V%s\nVw\ntR." % str(trap).encode())
    with pytest.raises(DataError, match="never read.*download the binary version"):
        cifar10.load(SPEC, tmp_path)
    assert not trap.exists()


def test_archive_that_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=r"unpack .*cifar-10-binary.tar.gz with `tar -xzf`"):
        cifar10.load(SPEC, tmp_path)


def test_real_files() -> None:
    folder = Path(os.environ.get("QSCHED_DATA", "/nonexistent"))
    found = [*folder.glob("cifar-10-batches-bin/*.bin"), *folder.glob("cifar10/**/*.bin")]
    if not found:
        pytest.skip("QSCHED_DATA names no folder with cifar-10-batches-bin/")
    raw, _ = cifar10.read_raw(folder, 10_000)
    assert np.bincount(raw.y).tolist() == [5000] * 10
    mean = raw.x.mean(axis=(0, 2, 3)) / 255
    assert mean == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    std = [raw.x[:, c].std() / 255 for c in range(3)]
    assert std == pytest.approx([0.2470, 0.2435, 0.2616], abs=5e-5)
    data = cifar10.load(DataSpec(name="cifar10", train=1000, validation=1000, pool=2), folder)
    assert np.bincount(data.test.y).tolist() == [1000] * 10
    assert data.shape == (3, 16, 16)
