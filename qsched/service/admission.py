"""Which studies a server takes: those of bundled names, within its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qsched.errors import SpecError, nearest
from qsched.files import Document, Path, bundled_names
from qsched.service.settings import Limits
from qsched.specs import StudySpec
from qsched.specs.files import read_study

__all__ = ["admitted", "readmitted", "runs_at_most"]

_NAME = 100
_SEED = 2**63 - 1


def admitted(document: Document, limits: Limits) -> StudySpec:
    """Return the study of a received document, checked as ``qsched validate`` checks files.

    Beyond that, its space and its baselines must be bundled ones, since a path would be one of
    the server's; and it must stay within ``limits``.

    Raises:
        SpecError: it breaks rules; with every fault.
    """
    spec = document.to(StudySpec)
    faults = [*_foreign(spec, limits), *_beyond(spec, limits)]
    problems = [document.problem(message, path) for path, message in faults]
    if problems:
        raise SpecError(document.source, sorted(problems, key=lambda p: p.line or 0))
    return read_study(document)


def readmitted(spec: StudySpec, limits: Limits) -> StudySpec:
    """Return a stored study if :func:`admitted` lets it in: a command may have stored it.

    Raises:
        SpecError: it breaks rules; with every fault.
    """
    data = spec.model_dump(mode="json")
    return admitted(Document(f"study `{spec.name}`", data, {}), limits)


def runs_at_most(spec: StudySpec) -> int:
    """Return how many trainings a study takes at most: if racing drops nobody.

    Candidates, and baselines at every learning rate, climb the whole ladder; finalists are
    trained on the selection seeds, the four contenders on the report seeds.
    """
    budget, plan = spec.budget, spec.confirmation
    top = max(rung.seeds for rung in budget.rungs)
    shorter = sum(rung.seeds for rung in budget.rungs if rung.length < 1)
    arms = len(spec.baselines) + len(spec.static.backward_std)
    tuned = (arms + 1) * len(budget.learning_rates)
    finalists = 2 * plan.candidates + plan.baselines
    return (
        (tuned + budget.trials) * (top + shorter)
        + finalists * plan.selection_seeds
        + 4 * plan.report_seeds
    )


def _foreign(spec: StudySpec, limits: Limits) -> Iterator[tuple[Path, str]]:
    spaces = bundled_names("search_spaces")
    if spec.space not in spaces:
        yield ("space",), _unknown("search space", spec.space, spaces)
    known = bundled_names("search_spaces/handcoded")
    for i, name in enumerate(spec.baselines[: limits.baselines]):
        if name not in known:
            yield ("baselines", i), _unknown("hand-coded schedule", name, known)


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> str:
    shown = name if len(name) <= _NAME else name[:_NAME] + "..."
    hint = nearest(shown, known)
    return f"a server reads bundled files only, and no {kind} is called `{shown}`; {hint}"


def _beyond(spec: StudySpec, limits: Limits) -> Iterator[tuple[Path, str]]:
    if len(spec.name) > _NAME:
        yield ("name",), f"a name has at most {_NAME} characters, but got {len(spec.name)}"
    if spec.seed > _SEED:
        yield ("seed",), "a seed is below 2^63"
    yield from _most("hand-coded schedules", len(spec.baselines), limits.baselines, ("baselines",))
    yield from _most("trials", spec.budget.trials, limits.trials, ("budget", "trials"))
    yield from _most("epochs", spec.task.epochs, limits.epochs, ("task", "epochs"))
    for path, value in _integers(spec.model_dump(exclude={"seed"})):
        yield from _most("this count", value, limits.size, path)
    yield from _most("trainings of a study", runs_at_most(spec), limits.runs, ("budget",))


def _most(what: str, value: int, limit: int, path: Path) -> Iterator[tuple[Path, str]]:
    if value > limit:
        found = str(value) if value < 10**18 else "a larger number"
        yield path, f"{what}: at most {limit} on this server, but got {found}"


def _integers(data: Any, path: Path = ()) -> Iterator[tuple[Path, int]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _integers(value, (*path, key))
    elif isinstance(data, list | tuple):
        for i, value in enumerate(data):
            yield from _integers(value, (*path, i))
    elif isinstance(data, int) and not isinstance(data, bool):
        yield path, data
