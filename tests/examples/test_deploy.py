"""The example that takes a PyTorch model out, with a tiny budget."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from qsched.deploy import load

ROOT = Path(__file__).parents[2]


def test_deploy(tmp_path: Path) -> None:
    program = [sys.executable, "examples/deploy.py", "--epochs", "1", "--width", "6"]
    done = subprocess.run(
        [*program, "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if "differing" in line] == [
        f"{target}: {engine}: 0 differing logits"
        for target in ("onnx", "qonnx", "cutie")
        for engine in (
            "the trained network",
            "torch",
            "onnxruntime",
            "qonnx",
            *(["cutie"] if target == "cutie" else []),
        )
    ]
    assert load(tmp_path / "digits.pt").input.shape == (1, 8, 8)
    assert (tmp_path / "digits-cutie" / "weights.bin").exists()
