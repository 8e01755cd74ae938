"""The whole path with real training, on two processes, interrupted on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from qsched.storage import Storage
from tests.cli.test_entry import ROOT

STUDY = """\
format: qsched/study/1
name: small
task:
  data: {name: synthetic, train: 256, validation: 128}
  network: {name: mlp3, width: 8}
  epochs: 2
  batch_size: 32
space: ana
baselines: [ana-ste-static, ana-2019-overlapped]
static: {backward_std: [0.5]}
budget:
  trials: 6
  rungs: [{seeds: 2}, {seeds: 4}]
  learning_rates: [1.0]
sampler: {batch: 3}
confirmation: {candidates: 2, baselines: 2, selection_seeds: 2, report_seeds: 4}
lanes: 4
"""
PROGRAM = "import sys; from qsched.cli import main; sys.exit(main())"
COMMAND = [sys.executable, "-c", PROGRAM]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}


def test_interrupted_twice_and_finished_with_every_run_once(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(STUDY)
    assert _interrupted(tmp_path, signal.SIGINT, after="baselines") == 130
    assert _interrupted(tmp_path, signal.SIGKILL, after="search") == -signal.SIGKILL
    verdict = json.loads(_qsched(tmp_path, "run", "small.yaml", "--workers", "2", "--json"))
    with Storage.open(f"sqlite:///{tmp_path}/qsched.db", create=False) as storage:
        runs = storage.runs("small")
        numbers = [trial.number for trial in storage.optuna.get_all_trials(_study_id(storage))]
    assert verdict["verdict"]["trials"] == 6
    assert numbers == list(range(3 + 6))
    assert set(Counter(row.result.key for row in runs).values()) == {1}
    trained = json.loads(
        _qsched(
            tmp_path, "train", verdict["schedule"], "--task", "small", "--seeds", "4", "--json"
        )
    )
    assert len(trained["accuracies"]) == 4
    assert all(0 <= accuracy <= 1 for accuracy in trained["accuracies"])


def _interrupted(folder: Path, number: signal.Signals, after: str) -> int:
    """Run the study until it has said ``after``, send it a signal, and return its exit code."""
    process = subprocess.Popen(
        [*COMMAND, "run", "small.yaml", "--workers", "2"],
        cwd=folder,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if after in line:
            process.send_signal(number)
            break
    said = process.stderr.read()
    process.stderr.close()
    code = process.wait(timeout=30)
    assert "Traceback" not in said
    assert "error" not in said
    return code


def _qsched(folder: Path, *args: str) -> str:
    done = subprocess.run(
        [*COMMAND, *args], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _study_id(storage: Storage) -> int:
    found: int = storage.optuna.get_study_id_from_name("small")
    return found
