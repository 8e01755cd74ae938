"""Peer C as a row: Brevitas in an environment of its own, made under build/ once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.throughput.rows import Sample, Unavailable
from benchmarks.throughput.tasks import BenchTask
from qsched.lanes.plan import make_plan
from qsched.tasks import build_network, load_data

__all__ = ["Brevitas", "description"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "benchmarks" / "brevitas"
PACKAGES = ("brevitas==0.13.4", "torch==2.13.0")
WARMUP = 3


@dataclass
class Brevitas:
    """Training steps of a ternary network of the same shape, one process, one thread."""

    name: str
    workers: int
    note: str = (
        "constant-scale ternary weights and activations, data in memory, no evaluation; steps only"
    )
    ours: bool = False
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def evaluations(self, task: BenchTask) -> int:
        return 0

    def prepare(self, task: BenchTask) -> None:
        python = _environment()
        process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("brevitas_step.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        self.processes[task.key] = process
        self._send(task, json.dumps(description(task)))
        self._seconds(task, WARMUP)

    def sample(self, task: BenchTask) -> Sample:
        count = min(task.steps, 50)
        return Sample(count / task.steps, self._seconds(task, count))

    def close(self) -> None:
        """End all processes."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    def _seconds(self, task: BenchTask, steps: int) -> float:
        self._send(task, str(steps))
        stdout = self.processes[task.key].stdout
        answer = stdout.readline() if stdout else ""
        if not answer:
            raise RuntimeError("the Brevitas process ended")
        return float(answer)

    def _send(self, task: BenchTask, line: str) -> None:
        stdin = self.processes[task.key].stdin
        if stdin is not None:
            stdin.write(line + "\n")
            stdin.flush()


def description(task: BenchTask) -> dict[str, object]:
    """Return the network of a task as JSON data."""
    data = load_data(task.spec.data)
    plan = make_plan(build_network(task.spec, data.classes), data.shape)
    layers = [
        {"kind": type(node.layer).__name__, "inputs": node.inputs, **asdict(node.layer)}
        for node in plan.nodes
    ]
    return {"layers": layers, "shape": data.shape, "batch": task.spec.batch_size}


def _environment() -> Path:
    """Return the interpreter of Brevitas' environment, which is made if there is none."""
    python, ready = FOLDER / "bin" / "python", FOLDER / ".ready"
    if ready.exists() and ready.read_text() == " ".join(PACKAGES):
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
    # The project's constraints hold for its own environment; of them only torch matters here.
    plain = {name: value for name, value in os.environ.items() if "CONSTRAINT" not in name}
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        env=plain,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:]
        raise Unavailable(f"Brevitas cannot be installed: {' '.join(reason) or 'pip failed'}")
    ready.write_text(" ".join(PACKAGES))
    return python
