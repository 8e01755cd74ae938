"""``qsched lower``: schedule files in the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qsched.cli.copy import write

__all__ = ["lower"]


def lower(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A schedule: the path of a file, or a name.")
    ],
    to: Annotated[
        str, typer.Option(metavar="FORMAT", help="yaml, json, quantlab or table (CSV).")
    ] = "table",
    layers: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many layers the network quantizes.")
    ] = 9,
    length: Annotated[
        int, typer.Option(min=1, metavar="N", help="Steps of a table, epochs of quantlab.")
    ] = 100,
    tolerance: Annotated[
        float, typer.Option(min=0, help="How far quantlab's configuration may be off, in quanta.")
    ] = 1e-6,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file; without it, it is printed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a schedule for programs without qsched: as a table, as JSON, or for quantlab.

    Layers are called layer1, layer2, ...; what quantlab cannot express is an error that states
    how far its nearest configuration is off.

    \b
        qsched lower best.yaml --layers 7 --length 1000 --out best.csv
        qsched lower ana-cvpr-partition-homogeneous-static --to quantlab --layers 7 --length 500
    """
    from qsched.schedules.file import load_schedule
    from qsched.schedules.lower import layer_places
    from qsched.schedules.lower import lower as lowered

    places = layer_places(layers)
    text = lowered(load_schedule(file), to, places, length=length, tolerance=tolerance)
    if out is None:
        typer.echo(text.rstrip())
        return
    write(out, text, force=force)
    typer.echo(str(out))
