"""The example scripts run, with tiny budgets, and end in a hard network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = {"plain_pytorch": 6, "lightning_trainer": 60, "huggingface_trainer": 12}


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--steps", str(SCRIPTS[name])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"accuracy of the hard network: ([0-9.]+)", done.stdout)
    assert found is not None
    assert 0 <= float(found[1]) <= 1
    if name == "lightning_trainer":
        assert float(found[1]) > 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_it_is_short_and_says_how_to_run_it(script: Path) -> None:
    text = script.read_text()
    assert f"examples/{script.name}" in text
    if script.name != "deploy.py":
        assert len(text.splitlines()) < 80
