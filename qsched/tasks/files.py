"""Finding published data files, and saying what to download where they are missing."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from qsched.errors import DataError

__all__ = ["find", "read", "search_path"]


def search_path(name: str, folder: Path | None, advice: str) -> tuple[Path, ...]:
    """Return the folders in which the files of data set ``name`` may lie.

    Args:
        name: of the data set.
        folder: what the user named, if anything.
        advice: what to download.

    Raises:
        DataError: no folder is named, or it does not exist.
    """
    if folder is None:
        raise DataError(
            f"the data set `{name}` needs files, but no folder is named; {advice} into a folder "
            f"`{name}`, and name the folder that holds it with --data or QSCHED_DATA"
        )
    if not folder.is_dir():
        raise DataError(
            f"the data folder must exist, but there is no folder {folder}; "
            f"{advice} into {folder / name}, or name another with --data or QSCHED_DATA"
        )
    return folder / name, folder


def find(file: str, folders: tuple[Path, ...], advice: str) -> Path:
    """Return the first path of ``file``, plain or with the suffix ``.gz``, in ``folders``.

    Raises:
        DataError: it is in none of them.
    """
    for folder in folders:
        for path in (folder / file, folder / f"{file}.gz"):
            if path.is_file():
                return path
    places = " or ".join(map(str, folders))
    raise DataError(f"{file} is not in {places}; {advice} into {folders[0]}")


def read(path: Path, advice: str) -> bytes:
    """Return the content of a file, decompressed where its name ends in ``.gz``.

    Raises:
        DataError: it cannot be read, or is not a whole gzip file.
    """
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} must be a whole gzip file, but it is not ({error}); {advice} anew"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; mend its permissions"
        ) from error
