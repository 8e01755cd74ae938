"""The first training on a machine compiles, and says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from qsched.cli import first
from qsched.cli.first import tell_compilation
from qsched.cli.options import Engine


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the package of native lanes lie in an empty folder."""
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(first, "find_spec", lambda name: spec)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path


def test_said_where_nothing_is_compiled(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_compilation(Engine.auto)
    assert "compiling native lanes, once" in capsys.readouterr().err


def test_silent_otherwise(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_compilation(Engine.torch)
    (package / "__pycache__").mkdir()
    (package / "__pycache__/engine.train_lane-1.py311.nbi").touch()
    tell_compilation(Engine.native)
    assert capsys.readouterr().err == ""


def test_numba_names_its_files_so() -> None:
    """The index is looked for by its name, which Numba chooses."""
    pytest.importorskip("numba")
    from qsched.native.engine import train_lane

    assert Path(train_lane.stats.cache_path).name == "__pycache__"
