"""One network, trained once more and kept: ``qsched train --save``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsched.errors import InputError

if TYPE_CHECKING:
    from qsched.deploy import Metadata
    from qsched.schedules import Schedule
    from qsched.schedules.file import ScheduleFile
    from qsched.specs import StudySpec

__all__ = ["accuracies_text", "check_target", "save_network", "saved_text"]


def check_target(path: Path | None, spec: StudySpec, schedule: Schedule) -> None:
    """Refuse what cannot be saved before anything is trained.

    Raises:
        InputError: the file exists, its folder does not, or the task's network is not fully
            quantized.
    """
    if path is None:
        return
    if path.exists():
        raise InputError(f"{path} exists; choose another --save, or remove it first")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.absolute().parent}; make it first")
    from qsched.deploy.capture import check

    check(spec.task, schedule)


def save_network(
    path: Path, loaded: ScheduleFile, spec: StudySpec, seed: int, input_bits: int
) -> dict[str, Any]:
    """Train one network, write its checkpoint, and return what is to be said of it."""
    from qsched.deploy import save, train_network
    from qsched.specs import Run

    run = Run(task=spec.task, schedule=loaded.schedule, seed=seed, evaluate="test")
    network = train_network(run, loaded.name, input_bits=input_bits)
    save(network, path)
    return {
        "path": str(path),
        "seed": seed,
        "trained_accuracy": network.metadata.trained_accuracy,
        "rounded_accuracy": network.metadata.rounded_accuracy,
        "accuracy": network.metadata.accuracy,
    }


def saved_text(saved: dict[str, Any]) -> str:
    """Return what is said of a saved network."""
    rows = _accuracies(*(saved[f"{key}accuracy"] for key in ("trained_", "rounded_", "")))
    return f"saved {saved['path']}: seed {saved['seed']}\n{rows}"


def accuracies_text(meta: Metadata) -> str:
    """Return the accuracies of a network: as trained, with inputs rounded, and in integers."""
    return _accuracies(meta.trained_accuracy, meta.rounded_accuracy, meta.accuracy)


def _accuracies(trained: float | None, rounded: float | None, found: float | None) -> str:
    from qsched.cli.output import percent

    rows = {
        "as trained": trained,
        "as trained, inputs rounded to integers (--input-bits)": rounded,
        "in integers": found,
    }
    known = {name: value for name, value in rows.items() if value is not None}
    return "\n".join(f"test accuracy {percent(value)} {name}" for name, value in known.items())
