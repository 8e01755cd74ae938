"""``qsched recommend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qsched.cli.kinds import is_path
from qsched.cli.options import JsonOption
from qsched.cli.output import print_json
from qsched.errors import UnknownNameError

if TYPE_CHECKING:
    from qsched.learning.recommend import Expectation, Recommendation
    from qsched.schedules.file import ScheduleFile
    from qsched.specs import TaskSpec

__all__ = ["recommend"]


def recommend(
    task: Annotated[
        str,
        typer.Option(
            "--task", metavar="TASK", help="A study, a task of SchedBench, or a study file."
        ),
    ],
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="ana|inq", help="Which algorithm.")
    ] = "ana",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the schedule file here.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Epochs, instead of the task's.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Quantized layers of your network.")
    ] = None,
    fan_in: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Inputs of one of its neurons.")
    ] = None,
    examples: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training examples of your data.")
    ] = None,
    heuristics: Annotated[
        Path | None,
        typer.Option(
            "--heuristics", metavar="FILE", help="What was learned. Default: as shipped."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Recommend a schedule for a task at once, without search, and say what it should gain.

    The gain is what the same learning gained on the most similar tasks that it had not seen.
    A task far from all of them is called `unlike anything seen`: search there.

    \b
        qsched recommend --task digits-ana --out best.yaml
        qsched recommend --task fashion-mlp9 --algorithm inq
        qsched recommend --task my.yaml --depth 12 --fan-in 256 --epochs 30
    """
    from qsched.errors import InputError
    from qsched.learning.analysis.features import features
    from qsched.learning.recommend import recommend as recommended
    from qsched.schedules.file import dump
    from qsched.specs.heuristics import load_heuristics

    if algorithm not in ("ana", "inq"):
        raise InputError(f"the algorithm must be ana or inq, but is `{algorithm}`")
    learned = load_heuristics(heuristics)
    if algorithm not in learned.algorithms:
        raise InputError(f"nothing was learned of `{algorithm}`; run qsched learn on data with it")
    name, spec = _task(task)
    if epochs is not None:
        spec = spec.model_copy(update={"epochs": epochs})
    measured = features(spec, depth=depth, fan_in=fan_in, examples=examples)
    center = spec.optimizer.learning_rate
    found = recommended(learned.algorithms[algorithm], algorithm, measured, center)
    file = _file(name, algorithm, spec, found, learned.about)
    text = dump(file)
    if out is not None:
        from qsched.cli.copy import write

        write(out, text, force=force)
    if as_json:
        print_json(_as_json(found, file))
        return
    typer.echo(text.rstrip() if out is None else str(out))
    typer.echo("\n" + _words(found), err=out is None)


def _task(name: str) -> tuple[str, TaskSpec]:
    """Return a task by the name of a study, of a task of SchedBench, or a study file's path."""
    from qsched.files import bundled_names
    from qsched.learning.bench.tasks import chosen, load_bench_spec
    from qsched.specs.files import load_study

    if is_path(name) or name in bundled_names("studies"):
        study = load_study(name)
        return study.name, study.task
    tasks = {each.name: each.spec for each in chosen(load_bench_spec())}
    # `fashion-mlp9` is the first, plainest task that begins so.
    known = next((each for each in tasks if each == name or each.startswith(f"{name}-")), None)
    if known is None:
        raise UnknownNameError("study or task", name, [*bundled_names("studies"), *tasks])
    return known, tasks[known]


def _file(
    name: str, algorithm: str, spec: TaskSpec, found: Recommendation, about: str
) -> ScheduleFile:
    from qsched.schedules.file import Provenance, ScheduleFile

    return ScheduleFile(
        name=f"recommended-{algorithm}-{name}",
        about=_words(found).replace("\n", "; "),
        source=f"qsched recommend, {about}",
        schedule=found.schedule,
        task=spec.model_dump(mode="json", exclude_none=True),
        provenance=Provenance(
            study=found.source, task=name, schedule_sha256=found.schedule.sha256
        ),
    )


def _words(found: Recommendation) -> str:
    lines = [
        _gain("the best hand-coded schedule", found.over_hand_coded),
        _gain("the tuned static one", found.over_static),
        f"most similar task learned from: {found.nearest} (distance {found.distance:.2f})",
    ]
    if found.unlike:
        beyond = f" ({', '.join(found.outside)} out of range)" if found.outside else ""
        lines.append(f"unlike anything seen{beyond}: take these gains as a guess, and search")
    return "\n".join(lines)


def _gain(rival: str, expected: Expectation | None) -> str:
    if expected is None:
        return f"expected gain over {rival}: not known, too few tasks were confirmed"
    low, high = expected.interval
    return (
        f"expected gain over {rival}: {100 * expected.gain:+.1f} points "
        f"({100 * expected.level:.0f} % of new tasks between {100 * low:+.1f} and "
        f"{100 * high:+.1f})"
    )


def _as_json(found: Recommendation, file: ScheduleFile) -> dict[str, Any]:
    def plain(expected: Expectation | None) -> dict[str, Any] | None:
        if expected is None:
            return None
        return {
            "gain": expected.gain,
            "interval": expected.interval,
            "level": expected.level,
            "tasks": expected.tasks,
        }

    return {
        "schedule": file.model_dump(mode="json", exclude_none=True),
        "over_hand_coded": plain(found.over_hand_coded),
        "over_static": plain(found.over_static),
        "nearest": found.nearest,
        "distance": found.distance,
        "unlike_anything_seen": found.unlike,
        "out_of_range": found.outside,
    }
