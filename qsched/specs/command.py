"""The command that runs a stored study again."""

from __future__ import annotations

from collections.abc import Iterator

from qsched.files import bundled_names, load, resolve
from qsched.specs.study import StudySpec

__all__ = ["command"]


def command(spec: StudySpec) -> str:
    """Return the command that runs ``spec`` from the start, in another database.

    It names the bundled study that ``spec`` is, or differs from by name, candidates and seed only;
    else a file ``NAME.yaml`` that holds the specification.

    >>> command(load(StudySpec, resolve("studies", "digits-ana")))
    'qsched run digits-ana'
    """
    for base in _bundled():
        budget = base.budget.model_copy(update={"trials": spec.budget.trials})
        own = {"name": spec.name, "about": spec.about, "seed": spec.seed, "budget": budget}
        if base.model_copy(update=own) == spec:
            return " ".join(["qsched run", base.name, *_options(base, spec)])
    return f"qsched run {spec.name}.yaml"


def _bundled() -> Iterator[StudySpec]:
    for name in bundled_names("studies"):
        yield load(StudySpec, resolve("studies", name))


def _options(base: StudySpec, spec: StudySpec) -> Iterator[str]:
    if spec.budget.trials != base.budget.trials:
        yield f"--trials {spec.budget.trials}"
    if spec.seed != base.seed:
        yield f"--seed {spec.seed}"
    if spec.name != base.name:
        yield f"--name {spec.name}"
