"""``qsched deploy``."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qsched.cli.options import DataOption, JsonOption, PluginOption, use_data, use_plugins
from qsched.cli.output import percent, print_json, print_table
from qsched.cli.saved import accuracies_text
from qsched.errors import InputError, UnknownNameError

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
            help="Compute the whole test set in PyTorch, NumPy, onnxruntime and qonnx, compare "
            "all logits bit for bit, and compare them with the trained network's own.",
        ),
    ] = False,
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .npy file of inputs [N, ...] to use in place of the test set.",
        ),
    ] = None,
    data: DataOption = None,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export a trained network as integers: ONNX, QONNX, or files for the CUTIE accelerator.

    Writes the network, golden tensors of four test examples, and a report of what it costs.
    Ends with exit code 1 if a verified engine differs, and says where. A task of a plugin needs
    --plugin for its test set; a network that was traced from a model of yours needs --examples.

    \b
        qsched deploy net.pt --format onnx --verify
        qsched deploy net.pt --format qonnx --verify
        qsched deploy net.pt --format cutie --out net-cutie --verify
        qsched deploy traced.pt --format onnx --verify --examples x.npy
    """
    from qsched.deploy import deploy as export
    from qsched.deploy import load

    use_data(data)
    use_plugins(plugin)
    network = load(checkpoint)
    folder = out or checkpoint.with_name(f"{checkpoint.stem}-{target}")
    x = _examples(network, check) if examples is None else _read(examples, network)
    found = export(network, target, folder, x, check=check)
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
                "give inputs of your own by --examples x.npy"
            )
        return None
    task = TaskSpec.model_validate_json(json.dumps(network.metadata.task))
    try:
        return load_data(task.data).test.x
    except UnknownNameError as error:
        if needed:
            raise InputError(
                f"{error}\n--verify needs the test set of the task; give the file that registers "
                "its data by --plugin, or inputs of your own by --examples x.npy"
            ) from error
        return None
    except InputError:
        if needed:
            raise
        return None


def _read(path: Path, network: HardNetwork) -> np.ndarray:
    """Return the inputs in a file.

    Raises:
        InputError: it is no file of finite inputs of the network's shape.
    """
    import numpy as np

    try:
        found = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; check the path") from error
    except (ValueError, EOFError) as error:
        raise InputError(
            f"{path}: this is no .npy file ({error}); write it by numpy.save"
        ) from error
    shape = network.input.shape
    if not isinstance(found, np.ndarray) or found.shape[1:] != shape or len(found) == 0:
        wanted = ", ".join(["N", *map(str, shape)])
        kind = found.shape if isinstance(found, np.ndarray) else "no single array"
        raise InputError(
            f"{path}: examples must be one array of the shape ({wanted}), but it holds {kind}"
        )
    if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise InputError(f"{path}: examples must be finite numbers, but it holds {found.dtype}")
    return found.astype(np.float32)


def _print(network: HardNetwork, found: Deployment) -> None:
    from qsched.deploy.report import ENERGY_SOURCE, HEADER, rows

    meta, cost = network.metadata, found.cost
    if meta.accuracy is not None:
        typer.echo(f"trained by {meta.schedule}, seed {meta.seed}\n{accuracies_text(meta)}\n")
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
    _print_agreements(found)
    for path in found.files:
        typer.echo(str(path))


def _print_agreements(found: Deployment) -> None:
    from qsched.deploy.verify import TRAINED

    for agreement in found.agreements:
        first = f"; {agreement.first}" if agreement.first else ""
        if agreement.engine != TRAINED:
            what = " (the layers rebuilt, in float64)" if agreement.engine == "torch" else ""
            typer.echo(
                f"verified {agreement.engine}{what} against numpy: {agreement.differing:,} "
                f"differing logits over {agreement.examples:,} examples{first}"
            )
            continue
        typer.echo(
            f"verified {TRAINED}, its inputs rounded, against numpy: {agreement.differing:,} "
            f"logits more than {agreement.tolerance:.2g} apart (what rounding its classifier "
            f"can do), {agreement.classes:,} other classes over {agreement.examples:,} "
            f"examples{first}"
        )
    if found.agreements and all(agreement.engine != TRAINED for agreement in found.agreements):
        typer.echo(
            "not verified: the trained network itself; the checkpoint keeps nothing of it for "
            "these examples"
        )
