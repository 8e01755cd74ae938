"""Interrupt a real study at random moments, resume it, and compare it with an undisturbed one.

    python benchmarks/interruptions.py digits-ana --times 10

Alternates SIGINT (Ctrl-C) and SIGKILL. Prints one line an interruption, then what was counted:
trials missing or added, runs stored twice, orphaned worker processes, and whether parameters of
all trials and the verdict equal those of the undisturbed study. Exits 1 if anything differs.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import optuna

from qsched.storage import Storage


def command(study: str, database: Path, extra: list[str]) -> list[str]:
    """Return the command line of a study in its own database."""
    out = str(database.parent / "out")
    url = f"sqlite:///{database}"
    program = str(Path(sys.executable).with_name("qsched"))
    return [program, "run", study, "--db", url, "--out", out, *extra]


def interrupt(line: list[str], number: signal.Signals, after: float) -> int | None:
    """Start the study, send a signal after some seconds, return the exit code (None: too late)."""
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait(after) and None
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        return process.wait(60)


def orphans(database: Path) -> int:
    """Return how many processes still name the database on their command line or run for it."""
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return sum(str(database.parent) in row for row in listing.stdout.splitlines())


def outcome(database: Path, name: str) -> tuple[list[dict[str, object]], object, int, int]:
    """Return parameters of all trials, the verdict, stored runs and runs stored twice."""
    storage = Storage.open(f"sqlite:///{database}", create=False)
    trials = optuna.load_study(study_name=name, storage=storage.optuna).get_trials()
    keys = Counter(row.result.key for row in storage.runs(name))
    verdict = storage.study(name).verdict
    storage.close()
    return [trial.params for trial in trials], verdict, len(keys), keys.total() - len(keys)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    options, extra = parser.parse_known_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        reference, disturbed = Path(folder, "a", "s.db"), Path(folder, "b", "s.db")
        for database in (reference, disturbed):
            database.parent.mkdir()
        began = time.perf_counter()
        subprocess.run(command(options.study, reference, extra), check=True)
        whole = time.perf_counter() - began
        line = command(options.study, disturbed, extra)
        for i in range(options.times):
            number = (signal.SIGINT, signal.SIGKILL)[i % 2]
            after = rng.uniform(1.0, max(2.0, whole / options.times * 2))
            code = interrupt(line, number, after)
            time.sleep(2)
            print(
                f"{i + 1}: {number.name} after {after:.1f} s, exit {code}, "
                f"orphans {orphans(disturbed)}",
                flush=True,
            )
        subprocess.run(line, check=True)
        expected, got = outcome(reference, options.study), outcome(disturbed, options.study)
    print(f"trials: {len(expected[0])} undisturbed, {len(got[0])} disturbed")
    print(f"runs: {expected[2]} undisturbed, {got[2]} disturbed, stored twice: {got[3]}")
    print(f"same parameters: {expected[0] == got[0]}; same verdict: {expected[1] == got[1]}")
    return int(expected != got or got[3] > 0)


if __name__ == "__main__":
    sys.exit(main())
