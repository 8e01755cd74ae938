"""Whether all ways to compute a network agree, and where they part if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from qsched.deploy.engines import Engine, Numpy, OnnxRuntime, Qonnx, Torch
from qsched.deploy.execute import logits
from qsched.deploy.integer import IntegerNetwork, integer_network
from qsched.deploy.records import HardNetwork
from qsched.deploy.reference import Trained, has_float_head, made, module_logits, reference
from qsched.errors import InputError

__all__ = [
    "TRAINED",
    "Agreement",
    "Difference",
    "all_engines",
    "verify",
    "verify_engines",
    "verify_trained",
]


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
        differing: how many of the N x classes logits differ, by more than the tolerance.
        first: where, if any do.
        tolerance: what a logit may differ by; 0 is bit for bit.
        classes: how many examples get another class.
    """

    engine: str
    examples: int
    differing: int
    first: Difference | None
    tolerance: float = 0.0
    classes: int = 0


TRAINED = "the trained network"
"""Name of the engine that is no engine: what was trained, on rounded inputs."""


def verify(
    network: HardNetwork, x: np.ndarray, *, model: nn.Module | None = None
) -> tuple[Agreement, ...]:
    """Compute a hard network in PyTorch, NumPy, onnxruntime and qonnx, and compare all logits.

    The reference is the integer network in NumPy. The engines' logits are compared bit for bit.
    ``torch`` is the hard network rebuilt from its layers, in float64.

    The trained network itself is compared, too: on inputs that are rounded alike, with a tolerance
    that covers the rounding of the classifier (see :class:`qsched.deploy.records.Reference`).
    It is ``model``; or what the network keeps of it, for the inputs that it keeps it for.

    Args:
        network: the hard network.
        x: inputs [N, ...], as in training.
        model: what :func:`qsched.convert` returned, of which the network was made.

    Returns:
        One agreement for the trained network, where it is known, and for each engine other than
        the reference.

    Raises:
        InputError: a package is missing, or the network cannot be folded into integers.
    """
    integers = integer_network(network)
    agreements = verify_engines(Numpy(integers), all_engines(network, integers), x)
    return (*verify_trained(network, integers, x, model), *agreements)


def all_engines(
    network: HardNetwork, integers: IntegerNetwork, onnx: Any = None, qonnx: Any = None
) -> list[Engine]:
    """Return PyTorch, onnxruntime and qonnx; the latter two on exported models, if given."""
    return [Torch(network, integers), OnnxRuntime(integers, onnx), Qonnx(integers, model=qonnx)]


def verify_trained(
    network: HardNetwork, integers: IntegerNetwork, x: np.ndarray, model: nn.Module | None = None
) -> tuple[Agreement, ...]:
    """Compare the trained network with the integers made of it, if it is known; see `verify`."""
    kept = network.reference
    if model is not None:
        trained = Trained(partial(module_logits, model), has_float_head(model))
        kept = reference(network, trained, x)
    elif kept is None:
        return ()
    elif kept.inputs_sha256 != made(x, network.input):
        if kept.x is None:
            return ()
        x = kept.x
    found = logits(integers, np.ascontiguousarray(x, np.float32))
    if found.shape != kept.logits.shape:
        raise InputError(
            f"the trained network's logits must be those of {len(found)} examples, but have the "
            f"shape {kept.logits.shape}; the checkpoint is damaged: save it again"
        )
    differs = ~(np.abs(found - kept.logits) <= kept.tolerance)
    first = None
    if differs.any():
        example, element = (int(i) for i in np.argwhere(differs)[0])
        expected, other = found[example, element], kept.logits[example, element]
        first = Difference(example, "logits", (element,), float(expected), float(other))
    classes = int((found.argmax(1) != kept.logits.argmax(1)).sum())
    return (Agreement(TRAINED, len(x), int(differs.sum()), first, kept.tolerance, classes),)


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
    classes = int((found.argmax(1) != expected.argmax(1)).sum())
    return Agreement(engine.name, len(x), int(differs.sum()), first, classes=classes)


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
