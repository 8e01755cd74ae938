"""The QONNX export: MultiThreshold nodes, and the datatype of every tensor set explicitly."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from qsched.deploy.integer import IntegerNetwork, Node, Threshold
from qsched.deploy.onnx_export import quantized
from qsched.deploy.onnx_graph import Chain, build
from qsched.deploy.records import Integers
from qsched.errors import InputError

__all__ = ["batched", "datatype", "qonnx_package", "read", "to_qonnx"]

DOMAIN = "qonnx.custom_op.general"


def qonnx_package() -> Any:
    """Import qonnx, or say which extra to install.

    Raises:
        InputError: qonnx is not installed.
    """
    try:
        import qonnx.core.modelwrapper as wrapper
    except ImportError as error:
        raise InputError(
            f"QONNX files need the package qonnx, which cannot be imported ({error}); "
            "run `pip install 'qsched[deploy]'`"
        ) from error
    return wrapper


def to_qonnx(network: IntegerNetwork, batch: int = 1) -> Any:
    """Return an integer network as a QONNX model (of :class:`qonnx.core.modelwrapper`).

    Activations are ``MultiThreshold`` nodes, which compare by ``>=``. Tensors that hold -1, 0
    and 1 alone are TERNARY; qonnx itself would infer INT2 for them.

    Args:
        network: the integer network.
        batch: examples of a batch; qonnx needs all shapes.

    Raises:
        InputError: qonnx is not installed, or an activation has levels that are not evenly
            spaced.
    """
    wrapper = qonnx_package()
    from qonnx.transformation import infer_shapes

    _check(network)
    model = wrapper.ModelWrapper(build(network, quantized, _threshold, batch))
    for name, values in _values(network):
        model.set_tensor_datatype(name, datatype(values))
    return model.transform(infer_shapes.InferShapes())


def read(path: Path) -> Any:
    """Read a written QONNX model."""
    return qonnx_package().ModelWrapper(str(path))


def batched(model: Any, batch: int) -> Any:
    """Return a QONNX model with another number of examples in a batch; nothing else changes."""
    result = copy.deepcopy(model)
    graph = result.graph
    for info in (*graph.input, *graph.output, *graph.value_info):
        if info.name not in {constant.name for constant in graph.initializer}:
            info.type.tensor_type.shape.dim[0].dim_value = batch
    return result


def datatype(values: Integers) -> Any:
    """Return the smallest QONNX datatype that holds some integers.

    >>> datatype(np.array([-1, 1])).name, datatype(np.array([-1, 0])).name
    ('BIPOLAR', 'TERNARY')
    >>> datatype(np.array([-200, 5])).name
    'INT9'
    """
    from qonnx.core.datatype import DataType

    distinct = {int(value) for value in np.unique(values)}
    if distinct == {-1, 1}:
        return DataType["BIPOLAR"]
    if distinct <= {-1, 0, 1}:
        return DataType["TERNARY"]
    low, high = min(distinct), max(distinct)
    bits = max((-low - 1).bit_length() if low < 0 else 0, high.bit_length() if high > 0 else 0)
    return DataType[f"INT{max(2, bits + 1)}"]


def _check(network: IntegerNetwork) -> None:
    for node in network.nodes:
        if isinstance(node.operation, Threshold):
            jumps = set(np.diff(node.operation.levels).tolist())
            if len(jumps) > 1:
                raise InputError(
                    f"QONNX activations have evenly spaced levels, but those of `{node.name}` are "
                    f"{node.operation.levels.tolist()}; use --format onnx, or train with ternary, "
                    "binary, 2-bit or 4-bit activations"
                )


def _threshold(chain: Chain, node: Node, operation: Threshold) -> str:
    thresholds = chain.constant(f"{node.name}.thresholds", operation.thresholds)
    return chain.node(
        "MultiThreshold",
        node.name,
        chain.head,
        thresholds,
        domain=DOMAIN,
        out_dtype=datatype(operation.levels).name,
        out_scale=float(operation.levels[1] - operation.levels[0]),
        out_bias=float(operation.levels[0]),
        data_layout="NCHW" if len(node.inputs) == 3 else "NC",
    )


def _values(network: IntegerNetwork) -> list[tuple[str, Integers]]:
    """Return tensors and what they can hold; float32 alone, the logits, is left out."""
    spec = network.input
    found: list[tuple[str, Integers]] = [("input", _span(spec.low, spec.high))]
    for node in network.nodes[:-1]:
        match node.operation:
            case Threshold(thresholds=thresholds, levels=levels):
                found.append((f"{node.name}.thresholds", thresholds))
                found.append((node.name, levels))
            case operation:
                weights = getattr(operation, "weights", None)
                if weights is not None:
                    found.append((f"{node.name}.weight", weights))
                found.append((node.name, _span(int(node.low.min()), int(node.high.max()))))
    return found


def _span(low: int, high: int) -> Integers:
    return np.arange(low, high + 1) if high - low < 4 else np.array([low, high], np.int64)
