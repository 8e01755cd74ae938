"""Files for a target: the network, golden tensors, what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from qsched.deploy import cutie
from qsched.deploy.engines import Engine, Numpy
from qsched.deploy.execute import golden
from qsched.deploy.integer import IntegerNetwork, integer_network
from qsched.deploy.onnx_export import to_onnx
from qsched.deploy.onnx_graph import onnx_package
from qsched.deploy.qonnx_export import read, to_qonnx
from qsched.deploy.records import HardNetwork
from qsched.deploy.report import Cost, cost, observe
from qsched.deploy.verify import Agreement, all_engines, verify_engines, verify_trained
from qsched.errors import UnknownNameError

__all__ = ["FORMATS", "Deployment", "deploy"]

GOLDEN = 4
"""Golden tensors are stored for so many examples."""


@dataclass(frozen=True, eq=False)
class Deployment:
    """What was exported.

    Attributes:
        format: ``onnx``, ``qonnx`` or ``cutie``.
        files: what was written, the report last.
        cost: of the network.
        agreements: of all engines with the reference; empty if that was not asked for.
        host: names of the nodes that the host computes, for ``cutie``.
        notes: what to know before relying on it.
    """

    format: str
    files: tuple[Path, ...]
    cost: Cost
    agreements: tuple[Agreement, ...]
    host: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as data of JSON types."""
        return {
            "format": self.format,
            "files": [str(path) for path in self.files],
            "host": list(self.host),
            "notes": list(self.notes),
            "cost": self.cost.to_json(),
            "verified": [_agreement(agreement) for agreement in self.agreements],
        }


def deploy(
    network: HardNetwork,
    target: str,
    folder: Path | str,
    x: np.ndarray | None = None,
    *,
    check: bool = False,
    model: nn.Module | None = None,
) -> Deployment:
    """Export a hard network.

    Args:
        network: the hard network.
        target: ``onnx``, ``qonnx`` or ``cutie``.
        folder: where to write; is created if missing.
        x: examples [N, ...], as in training: their sums are reported, and the first four become
            golden tensors.
        check: compute all of ``x`` in PyTorch, NumPy, onnxruntime, qonnx (for these two from the
            file that was written, and for ``cutie`` from the packed files, too), and compare all
            logits; see :func:`qsched.deploy.verify`.
        model: as of :func:`qsched.deploy.verify`.

    Returns:
        What was written, and how the engines agree.

    Raises:
        UnknownNameError: no target of this name.
        SpecError: the network is illegal for the target; with every fault.
        InputError: the network cannot be folded into integers, or a package is missing.
    """
    if target not in FORMATS:
        raise UnknownNameError("format", target, FORMATS)
    folder, integers = Path(folder), integer_network(network)
    observed = None if x is None else observe(integers, x)
    found = cost(integers, observed)
    export = _Export(network, integers, folder, x)
    files = FORMATS[target](export)
    agreements: tuple[Agreement, ...] = ()
    if check and x is not None:
        engines = all_engines(network, integers, export.written_onnx, export.written_qonnx)
        engines += export.engines
        trained = verify_trained(network, integers, x, model)
        agreements = (*trained, *verify_engines(Numpy(integers), engines, x))
    if x is not None:
        files.append(_golden(integers, x, folder / "golden.npz"))
    report = folder / "report.json"
    result = Deployment(target, (*files, report), found, agreements, export.host, export.notes)
    text = {"network": asdict(network.metadata), **result.to_json()}
    report.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    return result


class _Export:
    """One export: what the targets read and fill."""

    def __init__(
        self,
        network: HardNetwork,
        integers: IntegerNetwork,
        folder: Path,
        x: np.ndarray | None,
    ) -> None:
        self.network, self.integers, self.folder, self.x = network, integers, folder, x
        self.engines: list[Engine] = []
        self.written_onnx: Any = None
        self.written_qonnx: Any = None
        self.host: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()

    def onnx(self) -> list[Path]:
        model = to_onnx(self.integers)
        path = self.made() / "network.onnx"
        onnx_package().save(model, str(path))
        self.written_onnx = onnx_package().load(str(path))
        return [path]

    def qonnx(self) -> list[Path]:
        model = to_qonnx(self.integers)
        path = self.made() / "network.qonnx"
        model.save(str(path))
        self.written_qonnx = read(path)
        return [path]

    def cutie(self) -> list[Path]:
        observed = None if self.x is None else observe(self.integers, self.x)
        plan = cutie.make_plan(self.integers, observed)
        files = cutie.write(plan, self.made())
        self.engines = [cutie.Cutie(self.integers, plan, cutie.read(self.folder))]
        self.host = tuple(node.name for node in (*plan.before, *plan.after))
        self.notes = plan.notes
        return files

    def made(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder


FORMATS: dict[str, Callable[[_Export], list[Path]]] = {
    "onnx": _Export.onnx,
    "qonnx": _Export.qonnx,
    "cutie": _Export.cutie,
}
"""The targets."""


def _golden(integers: IntegerNetwork, x: np.ndarray, path: Path) -> Path:
    examples = np.asarray(x[:GOLDEN], np.float32)
    np.savez(path, x=examples, **golden(integers, examples))  # type: ignore[arg-type]
    return path


def _agreement(agreement: Agreement) -> dict[str, Any]:
    first = agreement.first
    return {
        "engine": agreement.engine,
        "examples": agreement.examples,
        "differing": agreement.differing,
        "tolerance": agreement.tolerance,
        "other_classes": agreement.classes,
        "first": None if first is None else {**asdict(first), "text": str(first)},
    }
