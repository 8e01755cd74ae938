"""CIFAR-10, in its published binary version.

A record is 1 byte of class and 3,072 bytes of pixels: 1,024 red, 1,024 green, 1,024 blue, each
row by row. The version for Python is a pickle, which may run any code, and is never read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.errors import DataError
from qsched.specs import DataSpec
from qsched.tasks.data import Dataset, Raw, prepare
from qsched.tasks.files import find, read, search_path

__all__ = ["load", "load_records", "read_raw"]

ARCHIVE = "cifar-10-binary.tar.gz"
BATCHES = "cifar-10-batches-bin"
ADVICE = (
    f"download the binary version, {ARCHIVE}, from https://www.cs.toronto.edu/~kriz/cifar.html "
    "and unpack it"
)
PICKLED = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "batches.meta", "data_batch_1")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
CLASSES = 10


def load(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load CIFAR-10: 50,000 + 10,000 color images of 32x32, as images [N, 3, 32, 32].

    Args:
        spec: sizes and pooling.
        folder: where the files lie: in it, in ``cifar10/`` or in ``cifar-10-batches-bin/`` of
            either.

    Raises:
        DataError: a file is missing, truncated or of another layout.
        InputError: the sizes or the pooling asked for do not fit.

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", technical
    report, University of Toronto (2009).
    """
    return load_records(spec, folder, records=10_000)


def load_records(spec: DataSpec, folder: Path | None, records: int) -> Dataset:
    """Load files in CIFAR-10's layout that hold ``records`` examples each."""
    train, test = read_raw(folder, records)
    return prepare(spec, train, test, classes=CLASSES, unit=255)


def read_raw(folder: Path | None, records: int) -> tuple[Raw, Raw]:
    """Read and check training and test examples: images of bytes [N, 3, 32, 32]."""
    bases = search_path("cifar10", folder, ADVICE)
    folders = tuple(path for base in bases for path in (base / BATCHES, base))
    advice = _advice(folders)
    batches = [_batch(f"data_batch_{i}.bin", folders, advice, records) for i in range(1, 6)]
    x = np.concatenate([batch.x for batch in batches])
    y = np.concatenate([batch.y for batch in batches])
    return Raw(x, y), _batch("test_batch.bin", folders, advice, records)


def _advice(folders: tuple[Path, ...]) -> str:
    """Return what to do about a missing file, in view of what else lies there."""
    for folder in folders:
        if (folder / ARCHIVE).is_file():
            return f"unpack {folder / ARCHIVE} with `tar -xzf`, or {ADVICE}"
        for name in PICKLED:
            if (folder / name).exists():
                return (
                    f"{folder / name} is of the version for Python, which is never read "
                    f"because a pickle may run any code: {ADVICE}"
                )
    return ADVICE


def _batch(file: str, folders: tuple[Path, ...], advice: str, records: int) -> Raw:
    path = find(file, folders, advice)
    content = read(path, advice)
    if len(content) != records * RECORD:
        raise DataError(
            f"{path} must have {records * RECORD:,} bytes ({records:,} records of {RECORD:,}), "
            f"but it has {len(content):,}; {advice} anew"
        )
    table = np.frombuffer(content, np.uint8).reshape(records, RECORD)
    if table[:, 0].max() >= CLASSES:
        raise DataError(
            f"{path} must hold classes 0 to {CLASSES - 1}, but it holds {table[:, 0].max()}; "
            f"{advice} anew"
        )
    return Raw(table[:, 1:].reshape(records, *SHAPE), table[:, 0].astype(np.int64))
