"""Which studies a server takes: those of bundled names, within its limits."""

from __future__ import annotations

from collections.abc import Iterator

from qsched.errors import InputError, nearest
from qsched.files import Document, Path, Value, bundled_names
from qsched.service.settings import Limits
from qsched.specs import StudySpec
from qsched.specs.files import named_wrongly, read_study

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

    def faults(data: Value, spec: StudySpec | None) -> Iterator[tuple[Path, str]]:
        yield from named_wrongly(_cut(data, limits), _bundled_space, _bundled_schedule)
        yield from _beyond(data, limits)
        if spec is not None:
            most, found = limits.runs, runs_at_most(spec)
            yield from _most("trainings of a study", most, found, ("budget",))

    return read_study(document, faults)


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


def _cut(data: Value, limits: Limits) -> Value:
    """Return a file's data with as many baselines as there may be: more are not looked at."""
    baselines = data.get("baselines") if isinstance(data, dict) else None
    if not isinstance(baselines, list | tuple):
        return data
    return {**data, "baselines": baselines[: limits.baselines]}


def _bundled_space(name: str) -> None:
    _check_bundled("search space", name, bundled_names("search_spaces"))


def _bundled_schedule(name: str) -> None:
    _check_bundled("hand-coded schedule", name, bundled_names("search_spaces/handcoded"))


def _check_bundled(kind: str, name: str, known: tuple[str, ...]) -> None:
    """Raise InputError unless a name is a bundled file's; those are in order, tests say."""
    if name in known:
        return
    shown = name if len(name) <= _NAME else name[:_NAME] + "..."
    hint = nearest(shown, known)
    raise InputError(
        f"a server reads bundled files only, and no {kind} is called `{shown}`; {hint}"
    )


def _beyond(data: Value, limits: Limits) -> Iterator[tuple[Path, str]]:
    """Yield what exceeds limits, of valid files and of others: as far as they can be read."""
    values = dict(_values(data))
    name, baselines = values.get(("name",)), values.get(("baselines",))
    if isinstance(name, str) and len(name) > _NAME:
        yield ("name",), f"a name has at most {_NAME} characters, but got {len(name)}"
    if isinstance(baselines, list | tuple):
        most = limits.baselines
        yield from _most("hand-coded schedules", most, len(baselines), ("baselines",))
    known = _limits(limits)
    for path, value in values.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield from _most(*known.get(path, ("this count", limits.size)), value, path)


def _limits(limits: Limits) -> dict[Path, tuple[str, int]]:
    """Return what is limited by itself: what it is called, and the most of it."""
    return {
        ("seed",): ("seed", _SEED),
        ("budget", "trials"): ("trials", limits.trials),
        ("task", "epochs"): ("epochs", limits.epochs),
    }


def _most(what: str, limit: int, value: int, path: Path) -> Iterator[tuple[Path, str]]:
    if value > limit:
        found = str(value) if value < 10**18 else "a larger number"
        yield path, f"{what}: at most {limit} on this server, but got {found}"


def _values(data: Value, path: Path = ()) -> Iterator[tuple[Path, Value]]:
    """Yield every value of a file and its place, those that hold others too."""
    yield path, data
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _values(value, (*path, key))
    elif isinstance(data, list | tuple):
        for i, value in enumerate(data):
            yield from _values(value, (*path, i))
