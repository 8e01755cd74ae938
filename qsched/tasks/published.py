"""Tables of numbers that come with scikit-learn, read from its folder.

To import ``sklearn.datasets`` takes a second, in every process that trains; to read its files,
some hundredths.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from qsched.errors import DataError

__all__ = ["read_table"]


def read_table(data_set: str, name: str, *, header: int = 0) -> np.ndarray:
    """Return a table of scikit-learn's: a row an example, features first, the class last.

    Args:
        data_set: what it is read for, in messages.
        name: of a file in ``sklearn/datasets/data``, comma-separated, perhaps compressed.
        header: lines before the numbers.

    Returns:
        [examples, features + 1] float64.

    Raises:
        DataError: scikit-learn is not installed, or has no such file.

    >>> read_table("wine", "wine_data.csv", header=1).shape
    (178, 14)
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError(
            f"the data set `{data_set}` comes with scikit-learn, which is not installed; "
            "run `pip install scikit-learn`"
        )
    path = Path(package.origin).parent / "datasets" / "data" / name
    if not path.is_file():
        raise DataError(
            f"the data set `{data_set}` comes with scikit-learn as `datasets/data/{name}`, which "
            f"the one in {path.parents[2]} lacks; run `pip install --force-reinstall scikit-learn`"
        )
    return np.loadtxt(path, delimiter=",", skiprows=header, ndmin=2)
