"""A small real study, the processes that run it, and what it leaves in its database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import optuna
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from qsched.errors import QschedError
from qsched.storage import Storage
from qsched.study.invariants import violations

STUDY = """\
format: qsched/study/1
name: faults
task:
  data: {{name: digits, train: 960, validation: 400}}
  network: {{name: mlp3, width: 16}}
  epochs: {epochs}
  batch_size: 32
space: ana
baselines: [ana-ste-static, ana-2019-overlapped]
static: {{backward_std: [0.5]}}
budget:
  trials: 8
  rungs: [{{seeds: 2}}, {{seeds: 4}}]
  learning_rates: [{rates}]
sampler: {{batch: 4, startup: 4}}
confirmation: {{candidates: 2, baselines: 2, selection_seeds: 4, report_seeds: 6}}
lanes: 4
"""
NAME = "faults"
EPOCHS = 120
LIMIT = 240.0
MARK = "QSCHED_FAULTS_MARK"

WITNESS = """\
import os
import qsched.training

train = qsched.training.train

def witnessed(runs, **options):
    results = train(runs, **options)
    lines = "".join(result.key + chr(10) for result in results).encode()
    file = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, lines)
    os.close(file)
    return results

qsched.training.train = witnessed
"""


@dataclass(frozen=True)
class Outcome:
    """What a study has left.

    Attributes:
        runs: accuracies by key.
        counts: how often each run is stored.
        trials: parameters of its trials.
        verdict: as JSON data.
        broken: what ``qsched db check`` says.
    """

    runs: dict[str, float | None]
    counts: dict[str, int]
    trials: list[dict[str, object]]
    verdict: object
    broken: tuple[str, ...] = ()


class Place:
    """A folder with a study file, its database and its processes.

    Args:
        folder: an empty folder.
        url: the database; None is a file in the folder.
        rates: learning rates of the baselines, as multiples.
        plugin: more text of the plugin that every process loads.
        epochs: length of its trainings.
    """

    def __init__(
        self,
        folder: Path,
        url: str | None = None,
        rates: Sequence[float] = (0.5, 1.0),
        plugin: str = "",
        epochs: int = EPOCHS,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.url = folder, url or f"sqlite:///{folder / 'study.db'}"
        self.mark = uuid4().hex
        self.log = folder / "trained.log"
        self.file = folder / "faults.yaml"
        text_ = STUDY.format(epochs=epochs, rates=", ".join(f"{rate:g}" for rate in rates))
        self.file.write_text(text_)
        self.plugin = folder / "witness.py"
        self.plugin.write_text(WITNESS.format(log=str(self.log)) + plugin)

    def start(
        self, *options: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start ``qsched run`` in a session of its own, as a terminal would."""
        program = str(Path(sys.executable).with_name("qsched"))
        line = [program, "run", str(self.file), "--db", self.url, "--plugin", str(self.plugin)]
        with (self.folder / "said.log").open("ab") as said:
            return subprocess.Popen(
                [*line, "--out", str(self.folder / "out"), *options],
                env={**os.environ, **(environment or {}), MARK: self.mark},
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )

    def said(self) -> str:
        """Return the end of what the commands have said."""
        return (self.folder / "said.log").read_text(errors="replace")[-2000:]

    def stored(self) -> set[str]:
        """Return the keys of the runs that are stored now; none while the database is away."""
        engine = create_engine(self.url)
        try:
            with engine.connect() as connection:
                return set(connection.scalars(text("SELECT key FROM qsched_runs")))
        except DBAPIError:
            return set()
        finally:
            engine.dispose()

    def outcome(self) -> Outcome:
        """Return what the study has left."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with Storage.open(self.url, create=False) as storage:
            study = optuna.load_study(study_name=NAME, storage=storage.optuna)
            rows = storage.runs(NAME)
            return Outcome(
                {row.result.key: row.result.accuracy for row in rows},
                dict(Counter(row.result.key for row in rows)),
                [trial.params for trial in study.get_trials(deepcopy=False)],
                storage.study(NAME).verdict,
                tuple(f"{each.rule}: {each.row}" for each in violations(storage, [NAME])),
            )

    def trained_again(self) -> int:
        """Return how many trainings were finished for a run that had been trained before."""
        counts = Counter(self.log.read_text().split()) if self.log.exists() else Counter()
        return counts.total() - len(counts)

    def processes(self) -> list[int]:
        """Return the processes that any of this study's commands has started and that live."""
        mark = f"{MARK}={self.mark}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def workers(self) -> list[int]:
        """Return the processes that train, of either kind of executor."""
        found = []
        for pid in self.processes():
            with suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"spawn_main" in line or line.startswith(b"ray::RayWorker"):
                    found.append(pid)
        return found

    def clean(self, patience: float = 10.0) -> int:
        """Kill what still runs some seconds after the study's end; return how many that were."""
        end = time.monotonic() + patience
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.2)
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return len(left)


def wait(process: subprocess.Popen[bytes], seconds: float = LIMIT) -> int | None:
    """Return the exit code of a command; None, and it is killed, if it hangs."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


@dataclass(frozen=True)
class Reference:
    """An undisturbed study in one process.

    Attributes:
        outcome: what it left.
        seconds: of the command.
        training: seconds from its first stored run to its last one.
    """

    outcome: Outcome
    seconds: float
    training: float


def undisturbed(place: Place) -> Reference:
    """Run a study in one process.

    Raises:
        SystemExit: it fails, or its database breaks a rule.
    """
    began = time.monotonic()
    process = place.start("--workers", "1")
    stored: dict[int, float] = {}
    while process.poll() is None and time.monotonic() - began < LIMIT:
        stored.setdefault(len(place.stored()), time.monotonic())
        time.sleep(0.1)
    code = wait(process, 0.1)
    seconds = time.monotonic() - began
    if code != 0:
        raise SystemExit(f"the undisturbed study ended with {code}:\n{place.said()}")
    outcome = place.outcome()
    if outcome.broken:
        raise SystemExit(f"the undisturbed study breaks rules: {'; '.join(outcome.broken)}")
    moments = [moment for count, moment in stored.items() if count]
    return Reference(outcome, seconds, max(moments) - min(moments) if moments else 0.0)


def compared(expected: Outcome, place: Place) -> dict[str, object]:
    """Return what distinguishes a disturbed study from the undisturbed one."""
    try:
        got = place.outcome()
    except (QschedError, KeyError) as error:
        return {"unreadable": str(error), "broken": ["unreadable"]}
    differences = [
        abs((got.runs[key] or 0.0) - (accuracy or 0.0))
        for key, accuracy in expected.runs.items()
        if key in got.runs
    ]
    return {
        "twice": sum(got.counts.values()) - len(got.counts),
        "budget": abs(len(got.trials) - len(expected.trials))
        + len(got.runs.keys() ^ expected.runs.keys()),
        "broken": list(got.broken),
        "same_parameters": got.trials == expected.trials,
        "same_verdict": json.dumps(got.verdict, sort_keys=True)
        == json.dumps(expected.verdict, sort_keys=True),
        "largest_difference": max(differences, default=0.0),
    }
