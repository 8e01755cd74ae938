"""idx files: tiny ones in the published layout, always; the real ones where they are."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qsched.errors import DataError
from qsched.specs import DataSpec
from qsched.tasks import idx, load_data
from tests.tasks.published import TINY, write_idx, write_tiny

SPEC = DataSpec(name="tiny", validation=10)
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("below", ["tiny", "."])
def test_reads_what_was_written(tmp_path: Path, suffix: str, below: str) -> None:
    content = write_tiny(tmp_path / below, suffix)
    data = idx.load(TINY, SPEC, tmp_path)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [30, 10, 20]
    assert data.shape == (1, 28, 28)
    assert data.test.y.tolist() == content["t10k-labels-idx1-ubyte"].tolist()
    images = content["t10k-images-idx3-ubyte"].astype(float)
    slope, offset = np.polyfit(images.ravel(), data.test.x.ravel(), 1)
    assert data.test.x[:, 0] == pytest.approx(slope * images + offset, abs=1e-5)


def _damage_magic(folder: Path) -> None:
    (folder / IMAGES).write_bytes((folder / LABELS).read_bytes())


def _cut(folder: Path) -> None:
    (folder / IMAGES).write_bytes((folder / IMAGES).read_bytes()[:-1])


def _cut_header(folder: Path) -> None:
    (folder / IMAGES).write_bytes((folder / IMAGES).read_bytes()[:6])


def _empty(folder: Path) -> None:
    (folder / LABELS).write_bytes(b"")


def _extend(folder: Path) -> None:
    (folder / LABELS).write_bytes((folder / LABELS).read_bytes() + b"\0")


def _swap(folder: Path) -> None:
    (folder / LABELS).write_bytes((folder / "t10k-labels-idx1-ubyte").read_bytes())


def _wrong_class(folder: Path) -> None:
    write_idx(folder / LABELS, np.full(40, 10, np.uint8))


def _remove(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte").unlink()


def _not_gzip(folder: Path) -> None:
    (folder / IMAGES).rename(folder / f"{IMAGES}.gz")


def _cut_gzip(folder: Path) -> None:
    (folder / IMAGES).unlink()
    write_idx(folder / f"{IMAGES}.gz", np.zeros((40, 28, 28), np.uint8))
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-12])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_damage_magic, "must start with the magic number 00000803, but it starts with 00000801"),
        (_cut, "must have 31,376 bytes, but it has 31,375"),
        (_cut_header, "must hold 40 x 28 x 28 values"),
        (_empty, "starts with nothing"),
        (_extend, "must have 48 bytes, but it has 49"),
        (_swap, "must hold 40 values, but it says 20"),
        (_wrong_class, "must hold classes 0 to 9, but it holds 10"),
        (_remove, "t10k-images-idx3-ubyte is not in"),
        (_not_gzip, "must be a whole gzip file"),
        (_cut_gzip, "must be a whole gzip file"),
    ],
)
def test_faults_name_rule_found_and_fix(tmp_path: Path, damage: object, message: str) -> None:
    write_tiny(tmp_path / "tiny")
    damage(tmp_path / "tiny")
    with pytest.raises(DataError, match=message) as caught:
        idx.load(TINY, SPEC, tmp_path)
    assert "download the four files of Tiny from https://example.org/tiny" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder() -> None:
    with pytest.raises(DataError, match="no folder is named.*--data or QSCHED_DATA"):
        idx.load(TINY, SPEC, None)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*nowhere; download"):
        idx.load(TINY, SPEC, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("taken", "real"), [(idx.MNIST, idx.FASHION_MNIST), (idx.FASHION_MNIST, idx.MNIST)]
)
def test_one_data_set_under_the_name_of_another(
    tmp_path: Path, taken: idx.Published, real: idx.Published
) -> None:
    write_tiny(tmp_path)
    write_idx(tmp_path / LABELS, np.array(real.first * 4, np.uint8))
    small = replace(taken, train=TINY.train, test=TINY.test)
    with pytest.raises(DataError, match=f"must belong to {taken.title}.*belongs to {real.title}"):
        idx.load(small, SPEC, tmp_path)


def _real(name: str) -> Path:
    folder = os.environ.get("QSCHED_DATA")
    if folder is None or not list(Path(folder).glob(f"{name}/{IMAGES}*")):
        pytest.skip(f"QSCHED_DATA names no folder with {name}/{IMAGES}")
    return Path(folder)


@pytest.mark.parametrize(
    ("published", "mean", "std"),
    [(idx.FASHION_MNIST, 0.2860, 0.3530), (idx.MNIST, 0.1307, 0.3081)],
    ids=["fashion-mnist", "mnist"],
)
def test_real_files(published: idx.Published, mean: float, std: float) -> None:
    folder = _real(published.name)
    raw, _ = idx.read_raw(published, folder)
    assert raw.x.shape == (60_000, 1, 28, 28)
    assert (raw.x.mean() / 255, raw.x.std() / 255) == pytest.approx((mean, std), abs=5e-5)
    assert tuple(raw.y[:10]) == published.first
    spec = DataSpec(name=published.name, train=4000, validation=4000, pool=4)
    data = load_data(spec, folder)
    assert (len(data.train), len(data.test), data.shape) == (4000, 10_000, (1, 7, 7))
    share = np.bincount(raw.y) / 60_000
    for split in (data.train, data.validation):
        assert np.bincount(split.y) / 4000 == pytest.approx(share, abs=0.001)
    assert data.train.x.std() == pytest.approx(1, rel=1e-5)
