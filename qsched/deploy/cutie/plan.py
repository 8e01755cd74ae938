"""From an integer network to the layers of the accelerator, and what stays on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from qsched.deploy.cutie import hardware
from qsched.deploy.integer import IntegerNetwork, Node, Sum, SumPool, Threshold
from qsched.deploy.records import Flatten, Integers, MaxPool
from qsched.errors import Problem, SpecError

__all__ = ["HardwareLayer", "HardwarePlan", "make_plan"]


@dataclass(frozen=True, eq=False)
class HardwareLayer:
    """One layer of a run: sums, then pooling, then comparison.

    Attributes:
        name: of the network's layer.
        weights: trits, [O, C, 3, 3].
        low: -1 below it, [O]; None puts out the sums.
        high: +1 above it, [O]; None puts out the sums.
        stride: rows, columns.
        same: whether there is zero padding of one pixel.
        image: height and width of the input.
        pool: ``max`` or ``sum``, or None.
        window: side of the pooling window; 0 without pooling.
        output: name of the node behind it.
        outputs: shape of one example behind it.
    """

    name: str
    weights: Integers
    low: Integers | None
    high: Integers | None
    stride: tuple[int, int]
    same: bool
    image: tuple[int, int]
    pool: str | None
    window: int
    output: str
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class HardwarePlan:
    """Who computes what.

    Attributes:
        before: nodes that the host computes first, since their inputs or weights are not trits.
        layers: of the accelerator.
        after: nodes that the host computes last: a classifier in fixed point, logits.
        notes: what to know before relying on it.
    """

    before: tuple[Node, ...]
    layers: tuple[HardwareLayer, ...]
    after: tuple[Node, ...]
    notes: tuple[str, ...]


def make_plan(
    network: IntegerNetwork, observed: dict[str, tuple[Integers, Integers]] | None = None
) -> HardwarePlan:
    """Map an integer network to the accelerator.

    The host computes the first layer where the input is not ternary, and the classifier where its
    weights are not; all else must be legal for the accelerator. Max pooling moves before the
    comparison, where it gives the same. Fully connected layers become 3x3 convolutions.

    Args:
        network: the integer network.
        observed: of the sums of each node, the smallest and largest of each channel over some
            data, as :func:`qsched.deploy.report.observe` finds them; they only inform messages.

    Raises:
        SpecError: something is illegal for the accelerator; with every fault of every layer.
    """
    return _Planner(network, observed or {}).plan()


@dataclass(frozen=True, eq=False)
class _Stage:
    """A layer with weights and what follows it up to the next."""

    nodes: tuple[Node, ...]

    @property
    def head(self) -> Node:
        return self.nodes[0]

    @property
    def sums(self) -> Sum:
        operation = self.head.operation
        assert isinstance(operation, Sum)
        return operation

    @property
    def threshold(self) -> Threshold | None:
        found = [n.operation for n in self.nodes if isinstance(n.operation, Threshold)]
        return found[0] if found else None

    @property
    def pools(self) -> list[Node]:
        return [node for node in self.nodes if isinstance(node.operation, MaxPool | SumPool)]

    @property
    def ternary(self) -> bool:
        return bool(np.isin(self.sums.weights, (-1, 0, 1)).all())


class _Planner:
    def __init__(
        self, network: IntegerNetwork, observed: dict[str, tuple[Integers, Integers]]
    ) -> None:
        self.network, self.observed = network, observed
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def plan(self) -> HardwarePlan:
        nodes = self.network.nodes
        starts = [i for i, node in enumerate(nodes) if isinstance(node.operation, Sum)]
        ends = [*starts[1:], len(nodes)]
        stages = [_Stage(nodes[i:j]) for i, j in zip(starts, ends, strict=True)]
        before = list(nodes[: starts[0]])
        if not self._trits_enter(before):
            before += stages.pop(0).nodes
        after: tuple[Node, ...] = nodes[-1:]
        if stages and not self._fits_last(stages[-1]):
            after = stages.pop().nodes
        layers = tuple(self._layer(stage) for stage in stages)
        if not layers:
            self._fault("network", "no layer is left for the accelerator: the host computes all")
        if len(layers) > hardware.LAYERS:
            self._fault(
                layers[hardware.LAYERS].name,
                f"a run has at most {hardware.LAYERS} layers, but this is number "
                f"{hardware.LAYERS + 1} of {len(layers)}; use a shallower network",
            )
        if self.problems:
            raise SpecError("illegal for cutie", self.problems)
        return HardwarePlan(tuple(before), layers, after, tuple(self.notes))

    def _trits_enter(self, before: Sequence[Node]) -> bool:
        spec = self.network.input
        low, high = spec.low, spec.high
        for node in before:
            low, high = int(node.low.min()), int(node.high.max())
        return low >= -1 and high <= 1

    def _fits_last(self, stage: _Stage) -> bool:
        """Whether the classifier can run on the accelerator rather than on the host."""
        small = len(stage.sums.weights) <= hardware.CHANNELS
        return stage.ternary and small and self._kernel(stage) is not None

    def _layer(self, stage: _Stage) -> HardwareLayer:
        name, sums = stage.head.name, stage.sums
        kernel = self._kernel(stage)
        if not stage.ternary:
            self._fault(name, "weights must be -1, 0 or 1; train with ternary weights")
        if kernel is None:
            kernel = self._illegal_kernel(stage)
        weights, same, image = kernel
        self._shapes(name, stage, weights, image)
        self._accumulator(name, stage, weights)
        pool, window = self._pool(name, stage)
        low, high = self._comparison(name, stage)
        last = stage.nodes[-1] if low is not None else stage.head
        return HardwareLayer(
            name,
            weights,
            low,
            high,
            sums.stride,
            same,
            image,
            pool,
            window,
            last.name,
            last.outputs,
        )

    def _kernel(self, stage: _Stage) -> tuple[Integers, bool, tuple[int, int]] | None:
        """Return 3x3 weights, whether to pad, and the image; None where that is impossible."""
        weights, shape = stage.sums.weights, stage.head.inputs
        if weights.ndim == 4:
            square = weights.shape[2:] == (hardware.KERNEL, hardware.KERNEL)
            padding = stage.sums.padding
            if not square or padding not in ((0, 0), (1, 1)) or stage.sums.groups != 1:
                return None
            return weights, padding == (1, 1), (shape[1], shape[2])
        side = self._side(stage)
        if side == hardware.KERNEL:
            return weights.reshape(len(weights), -1, 3, 3), False, (3, 3)
        if side == 1:
            wide = np.zeros((*weights.shape, 3, 3), np.int64)
            wide[:, :, 1, 1] = weights
            return wide, True, (1, 1)
        return None

    def _side(self, stage: _Stage) -> int:
        """Return the side of the image that a fully connected layer reads; 1 for features."""
        place = next(i for i, node in enumerate(self.network.nodes) if node is stage.head)
        node = self.network.nodes[place - 1] if place else None
        if node is None or not isinstance(node.operation, Flatten):
            return 1
        _, height, width = node.inputs
        return height if height == width else 0

    def _illegal_kernel(self, stage: _Stage) -> tuple[Integers, bool, tuple[int, int]]:
        name, sums = stage.head.name, stage.sums
        if sums.weights.ndim == 4:
            sides = "x".join(map(str, sums.weights.shape[2:]))
            self._fault(
                name,
                "a convolution must be 3x3 with padding 0 or 1 and without groups, but this is "
                f"{sides} with padding {sums.padding} in {sums.groups} groups; change the network",
            )
            return sums.weights, True, (stage.head.inputs[1], stage.head.inputs[2])
        self._fault(
            name,
            "a fully connected layer must read images of 3x3 or 1x1, but reads "
            f"{stage.head.inputs[0]} features of a larger one; pool more before it",
        )
        return sums.weights[:, :, None, None], True, (1, 1)

    def _shapes(self, name: str, stage: _Stage, weights: Integers, image: tuple[int, int]) -> None:
        for what, count in (("input", weights.shape[1]), ("output", weights.shape[0])):
            if count > hardware.CHANNELS:
                self._fault(
                    name,
                    f"a layer has at most {hardware.CHANNELS} {what} channels, but this has "
                    f"{count}; lower network.width",
                )
        if max(image) > hardware.SIDE:
            self._fault(
                name,
                f"images have sides of at most {hardware.SIDE}, but this reads "
                f"{image[0]}x{image[1]}; lower the resolution",
            )
        if max(stage.sums.stride) > hardware.STRIDE:
            self._fault(name, f"strides are at most 3, but this has {stage.sums.stride}")

    def _accumulator(self, name: str, stage: _Stage, weights: Integers) -> None:
        windows = prod(
            prod(node.operation.size)
            for node in stage.pools
            if isinstance(node.operation, SumPool)
        )
        worst = np.abs(weights).reshape(len(weights), -1).sum(axis=1) * windows
        limit = hardware.ACCUMULATOR[1]
        channels = np.flatnonzero(worst > limit)
        if len(channels) == 0:
            return
        found = self.observed.get(name)
        for channel in channels:
            seen = (
                f"; over the data it went from {found[0][channel]} to {found[1][channel]}"
                if found is not None
                else ""
            )
            self._fault(
                name,
                f"channel {channel}: the accumulator holds -512 to 511 and wraps beyond, but the "
                f"sum of its absolute weights is {worst[channel]}{seen}; use fewer channels or "
                "sparser weights",
            )

    def _pool(self, name: str, stage: _Stage) -> tuple[str | None, int]:
        pools = stage.pools
        if not pools:
            return None, 0
        operation = pools[0].operation
        assert isinstance(operation, MaxPool | SumPool)
        kind = "max" if isinstance(operation, MaxPool) else "sum"
        size, stride = operation.size, operation.stride
        if len(pools) > 1:
            self._fault(name, f"a layer pools once, but `{pools[1].name}` follows, too")
        if size[0] != size[1] or stride != size or size[0] > hardware.POOL:
            self._fault(
                name,
                f"pooling windows are 2x2 or 3x3 without overlap, but `{pools[0].name}` has "
                f"{size} at steps of {stride}",
            )
        if kind == "sum" and self._behind_threshold(stage, pools[0]):
            self._fault(
                name,
                f"mean pooling works on sums, before the activation, but `{pools[0].name}` stands "
                "behind it; move it, or use max pooling",
            )
        if stage.sums.stride != (1, 1) or stage.sums.padding != (1, 1):
            self.notes.append(
                f"{name}: pooling behind a convolution with a stride or without padding; the "
                "published pooling controller (rtl/ocu_controller.sv) counts pixels of the "
                "layer's input: simulate before use"
            )
        return kind, size[0]

    def _behind_threshold(self, stage: _Stage, pool: Node) -> bool:
        kinds = [type(node.operation) for node in stage.nodes[: stage.nodes.index(pool)]]
        return Threshold in kinds

    def _comparison(self, name: str, stage: _Stage) -> tuple[Integers | None, Integers | None]:
        operation = stage.threshold
        if operation is None:
            return None, None
        levels = operation.levels.tolist()
        if levels not in ([-1, 0, 1], [-1, 1]):
            self._fault(
                name, f"activations must be -1, 0, 1 or -1, 1, but are {levels}; train ternary"
            )
            return operation.thresholds[:, 0], operation.thresholds[:, -1]
        # Ours are reached by >=; the accelerator compares strictly on both sides.
        low, high = operation.thresholds[:, 0], operation.thresholds[:, -1] - 1
        for side in (low, high):
            for channel in np.flatnonzero(
                (side < hardware.THRESHOLD[0]) | (side > hardware.THRESHOLD[1])
            ):
                self._fault(
                    name,
                    f"channel {channel}: thresholds have 11 bits, -1024 to 1023, but one is "
                    f"{side[channel]}",
                )
        return low, high

    def _fault(self, layer: str, message: str) -> None:
        self.problems.append(Problem(message, layer))
