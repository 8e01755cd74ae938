"""What the two ONNX exports share: a chain of nodes in float32 that holds only integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qsched.deploy.integer import IntegerNetwork, Logits, Node, Sum, SumPool, Threshold
from qsched.deploy.records import Flatten, Input, MaxPool
from qsched.errors import InputError

__all__ = ["IR_VERSION", "OPSET", "Chain", "build", "onnx_package"]

IR_VERSION = 10
"""Old enough for every onnxruntime of the last years; the newest onnx writes a newer one."""

OPSET = 17


def onnx_package() -> Any:
    """Import onnx, or say which extra to install.

    Raises:
        InputError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            f"ONNX files need the package onnx, which cannot be imported ({error}); "
            "run `pip install 'qsched[deploy]'`"
        ) from error
    return onnx


@dataclass
class Chain:
    """A graph in the making.

    Attributes:
        head: name of the tensor that the next node reads.
        nodes: of the graph.
        initializers: of the graph.
        tensors: names and shapes (without the batch) of what lies between nodes.
    """

    head: str
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def constant(self, name: str, value: Any, dtype: type = np.float32) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        array: np.ndarray = np.ascontiguousarray(np.asarray(value), dtype=dtype)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def node(
        self, kind: str, output: str, *inputs: str, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node that reads the head first (or only ``inputs``, if given) and return it."""
        from onnx import helper

        names = list(inputs) or [self.head]
        self.nodes.append(
            helper.make_node(kind, names, [output], name=output, domain=domain, **attributes)
        )
        return output

    def to(self, name: str, shape: tuple[int, ...]) -> None:
        """Make a tensor the head, and remember its shape."""
        self.head, self.tensors[name] = name, shape


Thresholds = Callable[[Chain, Node, Threshold], str]
Quantizes = Callable[[Chain, Input], str]


def build(
    network: IntegerNetwork, quantize: Quantizes, threshold: Thresholds, batch: int | str
) -> Any:
    """Return the ONNX model of an integer network; input ``x``, output ``logits``.

    Args:
        network: the integer network.
        quantize: adds the nodes that round inputs; returns their output.
        threshold: adds the nodes of an activation; returns their output.
        batch: examples of a batch, or the name of a free dimension.
    """
    onnx_package()
    from onnx import TensorProto, checker, helper

    chain = Chain("x")
    chain.to(quantize(chain, network.input), network.input.shape)
    for node in network.nodes:
        match node.operation:
            case Threshold() as operation:
                name = threshold(chain, node, operation)
            case _:
                name = _standard(chain, node)
        chain.to(name, node.outputs)
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape])
        for name, shape in chain.tensors.items()
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *network.input.shape])
    graph = helper.make_graph(
        chain.nodes, "qsched", [x], [infos[-1]], chain.initializers, value_info=infos[:-1]
    )
    opsets = [helper.make_opsetid("", OPSET), *_domains(chain)]
    model = helper.make_model(
        graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="qsched"
    )
    if len(opsets) == 1:
        checker.check_model(model)
    return model


def _domains(chain: Chain) -> Iterator[Any]:
    from onnx import helper

    for domain in sorted({node.domain for node in chain.nodes if node.domain}):
        yield helper.make_opsetid(domain, 1)


def _standard(chain: Chain, node: Node) -> str:
    operation, name = node.operation, node.name
    match operation:
        case Sum():
            return _sum(chain, name, operation)
        case MaxPool():
            return chain.node(
                "MaxPool", name, kernel_shape=list(operation.size), strides=list(operation.stride)
            )
        case SumPool():
            channels = node.inputs[0]
            ones = np.ones((channels, 1, *operation.size))
            return chain.node(
                "Conv",
                name,
                chain.head,
                chain.constant(f"{name}.ones", ones),
                strides=list(operation.stride),
                group=channels,
            )
        case Flatten():
            return chain.node("Flatten", name, axis=1)
        case Logits():
            return _logits(chain, name, operation)
    raise InputError(f"`{name}` has no counterpart in ONNX")


def _sum(chain: Chain, name: str, operation: Sum) -> str:
    weights = operation.weights
    if weights.ndim == 2:
        return chain.node("MatMul", name, chain.head, chain.constant(f"{name}.weight", weights.T))
    rows, columns = operation.padding
    return chain.node(
        "Conv",
        name,
        chain.head,
        chain.constant(f"{name}.weight", weights),
        kernel_shape=list(weights.shape[2:]),
        strides=list(operation.stride),
        pads=[rows, columns, rows, columns],
        group=operation.groups,
    )


def _logits(chain: Chain, name: str, operation: Logits) -> str:
    head = chain.head
    if operation.factor != 1:
        factor = chain.constant(f"{name}.factor", operation.factor)
        head = chain.node("Mul", f"{name}.scaled", head, factor)
    offset = chain.constant(f"{name}.offset", operation.offset)
    head = chain.node("Add", f"{name}.integers", head, offset)
    return chain.node("Mul", "logits", head, chain.constant(f"{name}.step", operation.step))
