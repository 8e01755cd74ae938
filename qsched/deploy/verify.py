"""Whether all ways to compute a network agree, and where they part if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsched.deploy.engines import Engine, Numpy, OnnxRuntime, Qonnx, Torch
from qsched.deploy.integer import IntegerNetwork, integer_network
from qsched.deploy.records import HardNetwork

__all__ = ["Agreement", "Difference", "all_engines", "verify", "verify_engines"]


@dataclass(frozen=True)
class Difference:
    """The first element in which an engine differs from the reference.

    Attributes:
        example: its number.
        layer: name of the first node that differs.
        element: index in it, without the example.
        expected: value of the reference.
        found: value of the engine.
    """

    example: int
    layer: str
    element: tuple[int, ...]
    expected: float
    found: float

    def __str__(self) -> str:
        return (
            f"example {self.example}: `{self.layer}` differs first, at {list(self.element)}: "
            f"{self.found:g} instead of {self.expected:g}"
        )


@dataclass(frozen=True)
class Agreement:
    """How one engine compares with the reference.

    Attributes:
        engine: its name.
        examples: number N of examples compared.
        differing: how many of the N x classes logits differ.
        first: where, if any do.
    """

    engine: str
    examples: int
    differing: int
    first: Difference | None


def verify(network: HardNetwork, x: np.ndarray) -> tuple[Agreement, ...]:
    """Compute a hard network in PyTorch, NumPy, onnxruntime and qonnx, and compare all logits.

    The reference is the integer network in NumPy. Logits are compared bit for bit.

    Args:
        network: the hard network.
        x: inputs [N, ...], as in training.

    Returns:
        One agreement for each engine other than the reference.

    Raises:
        InputError: a package is missing, or the network cannot be folded into integers.
    """
    integers = integer_network(network)
    return verify_engines(Numpy(integers), all_engines(network, integers), x)


def all_engines(
    network: HardNetwork, integers: IntegerNetwork, exported: Any = None
) -> list[Engine]:
    """Return PyTorch, onnxruntime and qonnx; onnxruntime on the ``exported`` model, if given."""
    return [Torch(network, integers), OnnxRuntime(integers, exported), Qonnx(integers)]


def verify_engines(
    reference: Engine, engines: Sequence[Engine], x: np.ndarray
) -> tuple[Agreement, ...]:
    """Compare the logits of engines with those of a reference; see :func:`verify`."""
    x = np.ascontiguousarray(x, np.float32)
    expected = reference.logits(x)
    return tuple(_compare(reference, engine, expected, x) for engine in engines)


def _compare(reference: Engine, engine: Engine, expected: np.ndarray, x: np.ndarray) -> Agreement:
    found = engine.logits(x)
    differs = found != expected
    first = None
    if differs.any():
        first = _first(reference, engine, int(np.argmax(differs.any(axis=1))), expected, found, x)
    return Agreement(engine.name, len(x), int(differs.sum()), first)


def _first(
    reference: Engine,
    engine: Engine,
    example: int,
    expected: np.ndarray,
    found: np.ndarray,
    x: np.ndarray,
) -> Difference:
    right, other = (e.tensors(x[example : example + 1]) for e in (reference, engine))
    for name, value in right.items():
        if name in other and (value[0] != other[name][0]).any():
            return _at(example, name, value[0], other[name][0])
    return _at(example, "logits", expected[example], found[example])


def _at(example: int, layer: str, expected: np.ndarray, found: np.ndarray) -> Difference:
    place = tuple(int(i) for i in np.argwhere(expected != found)[0])
    return Difference(example, layer, place, float(expected[place]), float(found[place]))
