"""``qsched run`` on Ray."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from qsched.cli.executors import Cluster, executor
from qsched.cli.worker import alone
from qsched.execution import never
from qsched.storage import Storage
from tests.cli.conftest import Qsched


def test_a_study_on_ray_is_the_same(qsched: Qsched, toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    here = qsched("run", toy, "--workers", "1", "--json", "--db", "sqlite:///here.db")
    there = qsched("run", toy, "--workers", "2", "--ray", "--json", "--db", "sqlite:///ray.db")
    assert (here.code, there.code) == (0, 0), there.err
    assert json.loads(there.out)["verdict"] == json.loads(here.out)["verdict"]
    with Storage.open(f"sqlite:///{tmp_path}/ray.db") as storage:
        assert storage.leases.read("toy") is None


def test_ray_is_optional(qsched: Qsched, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("qsched.execution.ray")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    result = qsched("run", toy, "--ray")
    assert result.code == 2
    assert "training on Ray needs packages that are not installed (ray)" in result.err
    assert "pip install 'qsched[ray]'" in result.err


def test_no_cluster_at_the_address(qsched: Qsched, toy: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    result = qsched("run", toy, "--address", "127.0.0.1:9")
    assert result.code == 2
    assert "a Ray cluster must answer at its address, but `127.0.0.1:9` does not" in result.err


def test_workers_get_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    given: dict[str, object] = {}
    monkeypatch.setattr("qsched.execution.ray.Ray", lambda *_, **options: given.update(options))
    executor(2, [], Cluster("head", cpus=4.0, gpus=0.5))
    assert given == {"address": "head", "cpus": 4.0, "gpus": 0.5, "alone": never}
    executor(2, [], Cluster("head"))
    assert given["alone"] is alone
