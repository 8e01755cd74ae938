"""Tiny data files in the published layouts, written byte by byte."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsched.tasks.idx import Published

TINY = Published("tiny", "Tiny", "https://example.org/tiny", 40, 20, (1,) * 10)


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write an idx file of unsigned bytes, gzipped where the name says so."""
    header = b"\x00\x00\x08" + bytes([values.ndim])
    content = header + b"".join(struct.pack(">I", n) for n in values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_tiny(folder: Path, suffix: str = "") -> dict[str, NDArray[np.uint8]]:
    """Write the four files of a data set like MNIST; return what they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    content = {}
    for prefix, size in (("train", TINY.train), ("t10k", TINY.test)):
        images = random.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        labels = (np.arange(size) % 10).astype(np.uint8)
        content[f"{prefix}-images-idx3-ubyte"] = images
        content[f"{prefix}-labels-idx1-ubyte"] = labels
    for name, values in content.items():
        write_idx(folder / f"{name}{suffix}", values)
    return content


def write_cifar(folder: Path, records: int) -> dict[str, NDArray[np.uint8]]:
    """Write the six files of CIFAR-10's binary version; return their records [N, 3073]."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(6)
    content = {}
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        table = random.integers(0, 256, (records, 3073), dtype=np.uint8)
        table[:, 0] = np.arange(records) % 10
        (folder / name).write_bytes(table.tobytes())
        content[name] = table
    return content
