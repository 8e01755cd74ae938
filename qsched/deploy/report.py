"""What a deployed network costs: weights, zeros, bytes, operations, an estimate of energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np

from qsched.deploy.execute import BATCH, quantize, run
from qsched.deploy.integer import IntegerNetwork, Node, Sum
from qsched.deploy.records import Integers

__all__ = [
    "ENERGY_SOURCE",
    "HEADER",
    "OPERATIONS_PER_JOULE",
    "Cost",
    "LayerCost",
    "cost",
    "observe",
    "rows",
]

OPERATIONS_PER_JOULE = 1036e12
ENERGY_SOURCE = (
    "estimate, not a measurement: ternary operations at the published peak efficiency of "
    "TCN-CUTIE, 1036 TOp/s/W in 22 nm silicon (Scherer et al., arXiv:2212.00688), a lower bound; "
    "what the host computes is not in it"
)

Ranges = dict[str, tuple[Integers, Integers]]


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer with weights, for one example.

    Attributes:
        name: of the layer.
        shape: of its weights.
        outputs: of its sums.
        weights: how many.
        zeros: how many of them are 0.
        ternary: whether weights and inputs are all -1, 0 or 1.
        bits: of a weight; of trits 1.6, five in a byte.
        weight_bytes: of all weights, packed.
        operations: two for each product, products with 0 included.
        worst: largest magnitude that a sum can have.
        observed: smallest and largest sum over the data, if there were any.
    """

    name: str
    shape: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: int
    zeros: int
    ternary: bool
    bits: float
    weight_bytes: int
    operations: int
    worst: int
    observed: tuple[int, int] | None


@dataclass(frozen=True)
class Cost:
    """The cost of a network.

    Attributes:
        layers: those with weights.
        energy: joule for one example, an estimate by :data:`ENERGY_SOURCE`.
    """

    layers: tuple[LayerCost, ...]
    energy: float

    @property
    def weights(self) -> int:
        """Number of weights."""
        return sum(layer.weights for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """Share of weights that are 0."""
        return sum(layer.zeros for layer in self.layers) / self.weights

    @property
    def trits(self) -> int:
        """Number of ternary weights."""
        return sum(layer.weights for layer in self.layers if layer.bits < 2)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights, packed."""
        return sum(layer.weight_bytes for layer in self.layers)

    @property
    def operations(self) -> int:
        """Operations for one example."""
        return sum(layer.operations for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Return the cost as data of JSON types."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "weights": self.weights,
            "sparsity": self.sparsity,
            "trits": self.trits,
            "weight_bytes": self.weight_bytes,
            "float32_bytes": 4 * self.weights,
            "operations": self.operations,
            "energy_joule": self.energy,
            "energy_source": ENERGY_SOURCE,
        }


def cost(network: IntegerNetwork, observed: Ranges | None = None) -> Cost:
    """Return what a network costs.

    Args:
        network: the integer network.
        observed: ranges of its sums, from :func:`observe`.
    """
    layers = []
    low, high = network.input.low, network.input.high
    for node in network.nodes:
        if isinstance(node.operation, Sum):
            trits = low >= -1 and high <= 1
            layers.append(_layer(node, node.operation, trits, (observed or {}).get(node.name)))
        low, high = int(node.low.min()), int(node.high.max())
    ternary = sum(layer.operations for layer in layers if layer.ternary)
    return Cost(tuple(layers), ternary / OPERATIONS_PER_JOULE)


def observe(network: IntegerNetwork, x: np.ndarray) -> Ranges:
    """Return the smallest and largest sum of each channel of each layer over inputs x [N, ...]."""
    sums = {node.name for node in network.nodes if isinstance(node.operation, Sum)}
    found: Ranges = {}
    for start in range(0, len(x), BATCH):
        for name, value in run(network, quantize(x[start : start + BATCH], network.input)):
            if name in sums:
                found[name] = _widened(found.get(name), value)
    return found


def _widened(
    known: tuple[Integers, Integers] | None, value: Integers
) -> tuple[Integers, Integers]:
    axes = (0, *range(2, value.ndim))
    low, high = value.min(axis=axes), value.max(axis=axes)
    return (
        (low, high) if known is None else (np.minimum(known[0], low), np.maximum(known[1], high))
    )


def _layer(
    node: Node, sums: Sum, trits: bool, observed: tuple[Integers, Integers] | None
) -> LayerCost:
    weights = sums.weights
    bits = _bits(weights)
    return LayerCost(
        name=node.name,
        shape=weights.shape,
        outputs=node.outputs,
        weights=weights.size,
        zeros=int((weights == 0).sum()),
        ternary=trits and bits < 2,
        bits=bits,
        weight_bytes=-(-weights.size // 5) if bits < 2 else -(-weights.size * int(bits) // 8),
        operations=2 * prod(node.outputs) * prod(weights.shape[1:]),
        worst=int(max(abs(node.low).max(), abs(node.high).max())),
        observed=None if observed is None else (int(observed[0].min()), int(observed[1].max())),
    )


def _bits(weights: Integers) -> float:
    low, high = int(weights.min()), int(weights.max())
    if low >= -1 and high <= 1:
        return 1.6
    return float(max((-low - 1).bit_length(), high.bit_length()) + 1)


def rows(found: Cost) -> Sequence[Sequence[str]]:
    """Return the layers as rows of text, under :data:`HEADER`."""
    return [
        (
            layer.name,
            "x".join(map(str, layer.shape)),
            f"{layer.weights:,}",
            f"{100 * layer.zeros / layer.weights:.1f} %",
            f"{layer.bits:g}",
            f"{layer.weight_bytes:,}",
            f"{layer.operations:,}",
            f"{layer.worst:,}",
            "-" if layer.observed is None else f"{layer.observed[0]:,} .. {layer.observed[1]:,}",
        )
        for layer in found.layers
    ]


HEADER = (
    "layer",
    "weights",
    "count",
    "zeros",
    "bits",
    "bytes",
    "operations",
    "worst",
    "sums seen",
)
"""Header of :func:`rows`."""
