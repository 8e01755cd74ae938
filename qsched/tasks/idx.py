"""MNIST and Fashion-MNIST, in the idx files in which both are published.

An idx file is a magic number (two zero bytes, 8 for unsigned bytes, the number of axes), the
length of every axis as a big-endian 32-bit integer, and the values in row-major order.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsched.errors import DataError
from qsched.specs import DataSpec
from qsched.tasks.data import Dataset, Raw, prepare
from qsched.tasks.files import find, read, search_path

__all__ = [
    "FASHION_MNIST",
    "MNIST",
    "Published",
    "load",
    "load_fashion_mnist",
    "load_mnist",
    "read_raw",
]

UNSIGNED_BYTE = 8


@dataclass(frozen=True)
class Published:
    """What is known of a published data set of four idx files.

    Attributes:
        name: of the data set.
        title: as its authors write it.
        url: of the page that publishes it.
        train: number of training examples.
        test: number of test examples.
        first: classes of its first ten training examples, by which namesakes are told apart.
    """

    name: str
    title: str
    url: str
    train: int
    test: int
    first: tuple[int, ...]
    side: int = 28
    classes: int = 10

    @property
    def advice(self) -> str:
        """What to download."""
        return f"download the four files of {self.title} from {self.url}"


MNIST = Published(
    "mnist",
    "MNIST",
    "http://yann.lecun.com/exdb/mnist",
    60_000,
    10_000,
    (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
)
FASHION_MNIST = Published(
    "fashion-mnist",
    "Fashion-MNIST",
    "https://github.com/zalandoresearch/fashion-mnist",
    60_000,
    10_000,
    (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
)


def load_mnist(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load MNIST: 70,000 handwritten digits, grey 28x28.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86 (1998).
    """
    return load(MNIST, spec, folder)


def load_fashion_mnist(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load Fashion-MNIST: 70,000 articles of clothing, grey 28x28.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv 1708.07747 (2017).
    """
    return load(FASHION_MNIST, spec, folder)


def load(published: Published, spec: DataSpec, folder: Path | None) -> Dataset:
    """Load a data set of four idx files, gzipped or not, as images [N, 1, side, side].

    Args:
        published: which one.
        spec: sizes and pooling.
        folder: where the files lie, in ``folder/NAME/`` or directly in it.

    Raises:
        DataError: a file is missing, truncated, of another layout, or of another data set.
        InputError: the sizes or the pooling asked for do not fit.
    """
    train, test = read_raw(published, folder)
    return prepare(spec, train, test, classes=published.classes, unit=255)


def read_raw(published: Published, folder: Path | None) -> tuple[Raw, Raw]:
    """Read and check training and test examples: images of bytes [N, 1, side, side]."""
    folders = search_path(published.name, folder, published.advice)
    train = _raw("train", published.train, folders, published)
    return train, _raw("t10k", published.test, folders, published)


def _raw(prefix: str, size: int, folders: tuple[Path, ...], published: Published) -> Raw:
    advice = published.advice
    images = find(f"{prefix}-images-idx3-ubyte", folders, advice)
    labels = find(f"{prefix}-labels-idx1-ubyte", folders, advice)
    pixels = _values(images, (size, published.side, published.side), advice)
    classes = _values(labels, (size,), advice)
    if classes.max() >= published.classes:
        raise DataError(
            f"{labels} must hold classes 0 to {published.classes - 1}, but it holds "
            f"{classes.max()}; {advice} anew"
        )
    _tell_apart(labels, classes, published)
    return Raw(pixels[:, None], classes.astype(np.int64))


def _values(path: Path, shape: tuple[int, ...], advice: str) -> NDArray[np.uint8]:
    """Return the values of an idx file of unsigned bytes that must have ``shape``."""
    content = read(path, advice)
    magic = bytes((0, 0, UNSIGNED_BYTE, len(shape)))
    if content[:4] != magic:
        raise DataError(
            f"{path} must start with the magic number {magic.hex()}, "
            f"but it starts with {content[:4].hex() or 'nothing'}; {advice} anew"
        )
    start = 4 + 4 * len(shape)
    found = tuple(int(n) for n in np.frombuffer(content[4:start].ljust(start - 4, b"\0"), ">u4"))
    if found != shape:
        raise DataError(
            f"{path} must hold {_times(shape)} values, but it says {_times(found)}; {advice} anew"
        )
    if len(content) != start + prod(shape):
        raise DataError(
            f"{path} must have {start + prod(shape):,} bytes, but it has {len(content):,}; "
            f"{advice} anew"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _tell_apart(path: Path, classes: NDArray[np.uint8], published: Published) -> None:
    """Refuse one data set under another's name: their files are called alike."""
    opening = tuple(classes[:10].tolist())
    for other in (MNIST, FASHION_MNIST):
        if other.name != published.name and opening == other.first:
            raise DataError(
                f"{path} must belong to {published.title}, but it belongs to {other.title}; "
                f"put each data set into a folder of its name"
            )


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{n:,}" for n in shape)
