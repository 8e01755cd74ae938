"""``qsched show``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from qsched.cli.kinds import find
from qsched.cli.options import JsonOption
from qsched.cli.output import print_json

__all__ = ["show"]


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A bundled name or a path.")],
    as_json: JsonOption = False,
) -> None:
    """Print a study, search space or schedule with everything that its file leaves out.

    A schedule is followed by a table of its control values over training and depth.

    \b
        qsched show digits-ana
        qsched show ana
        qsched show ana-cvpr-partition-homogeneous-static
    """
    from qsched.cli.curves import curves
    from qsched.files import to_yaml
    from qsched.schedules.file import ScheduleFile

    kind, _ = find(name)
    model = kind.load(name)
    data = _resolved(model)
    if as_json:
        print_json(data)
        return
    typer.echo(to_yaml(data).rstrip())
    if isinstance(model, ScheduleFile):
        typer.echo("\n" + curves(model.schedule))


def _resolved(model: BaseModel) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(model.model_dump_json(exclude_none=True))
    return data
