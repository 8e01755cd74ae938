"""A bit-true model of the accelerator in NumPy, which reads the packed files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from qsched.deploy.cutie import hardware
from qsched.deploy.cutie.plan import HardwareLayer, HardwarePlan
from qsched.deploy.engines import Engine
from qsched.deploy.execute import BATCH, quantize, run
from qsched.deploy.integer import IntegerNetwork, Logits, Node
from qsched.deploy.records import Input, Integers

__all__ = ["Cutie", "compute"]


class Cutie(Engine):
    """A network on the accelerator: the host's part in integers, the rest from packed files.

    Args:
        network: the integer network; its input and the host's nodes are read.
        plan: which nodes are the host's.
        layers: of the accelerator, as :func:`qsched.deploy.cutie.files.read` returns them.
    """

    name = "cutie"

    def __init__(
        self, network: IntegerNetwork, plan: HardwarePlan, layers: Sequence[HardwareLayer]
    ) -> None:
        self.input, self.plan, self.layers = network.input, plan, layers

    def logits(self, x: np.ndarray) -> np.ndarray:
        last = self.plan.after[-1]
        assert isinstance(last.operation, Logits)
        parts = [self.tensors(x[i : i + BATCH])[last.name] for i in range(0, len(x), BATCH)]
        return np.concatenate(parts).astype(np.float32) * np.float32(last.operation.step)

    def tensors(self, x: np.ndarray) -> dict[str, np.ndarray]:
        found = {"input": quantize(x, self.input)}
        value = self._host(self.plan.before, found["input"], found)
        for layer in self.layers:
            value = compute(layer, _image(value, layer))
            found[layer.output] = value = value.reshape(len(value), *layer.outputs)
        self._host(self.plan.after, value, found)
        return found

    def _host(
        self, nodes: Sequence[Node], value: Integers, found: dict[str, np.ndarray]
    ) -> Integers:
        for name, tensor in run(IntegerNetwork(_ANY, tuple(nodes)), value):
            found[name] = value = tensor
        return value


_ANY = Input((), 1.0, 0, 0)


def compute(layer: HardwareLayer, acts: Integers) -> Integers:
    """Compute one layer: ten-bit sums, pooling, strict comparison.

    Args:
        layer: which one.
        acts: trits, [N, C, H, W].

    Returns:
        Trits [N, O, H', W'], or sums, where the layer puts out these.
    """
    border = 1 if layer.same else 0
    padded = np.pad(acts, ((0, 0), (0, 0), (border, border), (border, border)))
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3))
    windows = windows[:, :, :: layer.stride[0], :: layer.stride[1]]
    columns = np.moveaxis(windows, 1, 3).reshape(-1, layer.weights[0].size).astype(np.float64)
    kernels = layer.weights.reshape(len(layer.weights), -1).astype(np.float64)
    shape = (len(acts), *windows.shape[2:4], len(kernels))
    sums = _wrap((columns @ kernels.T).astype(np.int64).reshape(shape))
    sums = np.moveaxis(sums, 3, 1)
    if layer.pool is not None:
        sums = _pool(sums, layer.pool, layer.window)
    if layer.low is None or layer.high is None:
        return sums
    low, high = (side.reshape(1, -1, 1, 1) for side in (layer.low, layer.high))
    trits: Integers = np.where(sums > high, 1, np.where(sums < low, -1, 0))
    return trits


def _pool(sums: Integers, kind: str, window: int) -> Integers:
    rows, columns = (side // window * window for side in sums.shape[2:])
    tiles = sums[:, :, :rows, :columns].reshape(
        *sums.shape[:2], rows // window, window, columns // window, window
    )
    if kind == "max":
        largest: Integers = tiles.max(axis=(3, 5))
        return largest
    return _wrap(tiles.sum(axis=(3, 5)))


def _wrap(sums: Integers) -> Integers:
    low, high = hardware.ACCUMULATOR
    wrapped: Integers = (sums - low) % (high - low + 1) + low
    return wrapped


def _image(value: Integers, layer: HardwareLayer) -> Integers:
    return value.reshape(len(value), layer.weights.shape[1], *layer.image)
