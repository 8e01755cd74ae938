"""The way from a study to the CUTIE accelerator: what a server has of it, and what it has not."""

from __future__ import annotations

from qsched.errors import InputError
from qsched.service.errors import StateError
from qsched.service.formats import Format
from qsched.specs import StudySpec

__all__ = ["check_format", "commands"]

_NETWORKS = ("tnn3", "tnn96")
"""Networks within the limits of the accelerator; see ``docs/accelerators.md``."""


def commands(spec: StudySpec) -> tuple[str, ...]:
    """Return the commands that lead from the schedule found to files for the accelerator.

    They name the schedule ``NAME-schedule.yaml`` and the study file ``NAME.yaml``. There are none
    for a task that the accelerator cannot compute: another network, or values that are not
    ternary.
    """
    task, name = spec.task, spec.name
    precision = task.precision
    ternary = precision.weights == precision.activations == "ternary"
    if task.network.name not in _NETWORKS or not ternary:
        return ()
    return (
        f"qsched train {name}-schedule.yaml --task ./{name}.yaml --save {name}.pt",
        f"qsched deploy {name}.pt --format cutie --verify",
    )


def check_format(spec: StudySpec, form: Format) -> None:
    """Refuse files for the accelerator: they hold a trained network, and a study keeps none.

    Raises:
        InputError: the accelerator cannot compute the study's task.
        StateError: it can; with the commands that train a network and write the files.
    """
    if form is not Format.CUTIE:
        return
    steps = commands(spec)
    if not steps:
        precision = spec.task.precision
        raise InputError(
            f"the CUTIE accelerator computes {' and '.join(_NETWORKS)} with ternary weights and "
            f"activations, but the task of `{spec.name}` is {spec.task.network.name} with "
            f"{precision.weights} weights and {precision.activations} activations; choose "
            "another format"
        )
    raise StateError(
        "files for CUTIE hold a trained network, and a study keeps schedules and accuracies "
        f"only; save its best schedule as {spec.name}-schedule.yaml and its study file as "
        f"{spec.name}.yaml, and run: {' && '.join(steps)}"
    )
