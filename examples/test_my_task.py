"""The tests that qsched ships, for the data set and the network of ``my_task.py``.

pip install pytest
pytest examples/test_my_task.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qsched.plugins import load_plugin
from qsched.specs import DataSpec, NetworkSpec
from qsched.testing.dataset import DatasetTestCase
from qsched.testing.network import NetworkTestCase

load_plugin(Path(__file__).with_name("my_task.py"))


class TestTumors(DatasetTestCase):
    @pytest.fixture
    def spec(self) -> DataSpec:
        return DataSpec(name="tumors", validation=150)


class TestFunnel(NetworkTestCase):
    @pytest.fixture
    def network(self) -> NetworkSpec:
        return NetworkSpec(name="funnel", width=8)

    @pytest.fixture
    def shape(self) -> tuple[int, ...]:
        return (30,)
