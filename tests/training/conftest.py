"""These tests are about torch lanes, whatever else is installed."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def torch_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QSCHED_ENGINE", "torch")
