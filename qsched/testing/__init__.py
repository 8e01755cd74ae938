"""Conformance suites: what every implementation of an interface must do, as tests to inherit.

Each module has one abstract class of tests. A class of one's own, whose name begins with
``Test``, inherits it and says with a fixture or two what is tested; ``pytest`` does the rest. The
suites check against independent sources: a closed form, numerical integration, plain loops,
SciPy and torch.

They need pytest (``pip install pytest``), which nothing else in qsched imports. ``decay`` and
``executor`` do without torch, hence one import a suite::

    from qsched.testing.dataset import DatasetTestCase
"""

from __future__ import annotations

import pytest

__all__ = ["codebook", "dataset", "decay", "executor", "network", "noise", "stair"]

# So that a failing test says what it compared.
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in __all__))
