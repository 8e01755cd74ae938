"""``qsched deploy``."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qsched.cli.options import DataOption, JsonOption, PluginOption, use_data, use_plugins
from qsched.cli.output import percent, print_json, print_table
from qsched.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from qsched.deploy import Deployment, HardNetwork

__all__ = ["deploy"]


def deploy(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="What `qsched train --save` wrote.")
    ],
    target: Annotated[
        Literal["onnx", "qonnx", "cutie"], typer.Option("--format", help="What for.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the files. Default: CHECKPOINT-FORMAT."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Compute the whole test set in PyTorch, NumPy, onnxruntime and qonnx, "
            "and compare all logits.",
        ),
    ] = False,
    data: DataOption = None,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export a trained network as integers: ONNX, QONNX, or files for the CUTIE accelerator.

    Writes the network, golden tensors of four test examples, and a report of what it costs.
    Ends with exit code 1 if a verified engine differs, and says where.

    \b
        qsched deploy net.pt --format onnx --verify
        qsched deploy net.pt --format qonnx --verify
        qsched deploy net.pt --format cutie --out net-cutie --verify
    """
    from qsched.deploy import deploy as export
    from qsched.deploy import load

    use_data(data)
    use_plugins(plugin)
    network = load(checkpoint)
    folder = out or checkpoint.with_name(f"{checkpoint.stem}-{target}")
    found = export(network, target, folder, _examples(network, check), check=check)
    if as_json:
        print_json(json.loads(found.files[-1].read_text(encoding="utf-8")))
    else:
        _print(network, found)
    if any(agreement.differing for agreement in found.agreements):
        raise typer.Exit(1)


def _examples(network: HardNetwork, needed: bool) -> np.ndarray | None:
    """Return the test inputs of the network's task; None where they are neither there nor needed.

    Raises:
        InputError: they are needed and cannot be had.
    """
    from qsched.specs import TaskSpec
    from qsched.tasks import load_data

    if network.metadata.task is None:
        if needed:
            raise InputError(
                "--verify needs the test set of the task, but this checkpoint knows of no task; "
                "call qsched.deploy.verify(network, x) with inputs of your own"
            )
        return None
    task = TaskSpec.model_validate_json(json.dumps(network.metadata.task))
    try:
        return load_data(task.data).test.x
    except InputError:
        if needed:
            raise
        return None


def _print(network: HardNetwork, found: Deployment) -> None:
    from qsched.deploy.report import ENERGY_SOURCE, HEADER, rows

    meta, cost = network.metadata, found.cost
    if meta.accuracy is not None:
        typer.echo(
            f"trained by {meta.schedule}, seed {meta.seed}: test accuracy "
            f"{percent(meta.trained_accuracy)} as trained, {percent(meta.accuracy)} in integers\n"
        )
    print_table(HEADER, rows(cost))
    typer.echo(
        f"\n{cost.weights:,} weights, {percent(cost.sparsity)} of them 0; {cost.trits:,} trits; "
        f"{cost.weight_bytes:,} bytes packed, {4 * cost.weights:,} in float32\n"
        f"{cost.operations:,} operations an example; about {1e9 * cost.energy:.3g} nJ:"
    )
    typer.echo(fill(ENERGY_SOURCE, 90, initial_indent="  ", subsequent_indent="  "))
    if found.host:
        typer.echo(f"on the host: {', '.join(found.host)}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    for agreement in found.agreements:
        verdict = f"{agreement.differing:,} differing logits"
        typer.echo(
            f"verified {agreement.engine} against numpy: {verdict} over {agreement.examples:,} "
            f"test examples{f'; {agreement.first}' if agreement.first else ''}"
        )
    for path in found.files:
        typer.echo(str(path))
