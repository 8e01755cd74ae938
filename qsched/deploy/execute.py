"""A bit-true reference: the integer network in NumPy, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from qsched.deploy.integer import (
    IntegerNetwork,
    Logits,
    Operation,
    Sum,
    SumPool,
    Threshold,
)
from qsched.deploy.records import Flatten, Input, Integers, MaxPool

__all__ = ["golden", "logits", "quantize", "run"]

BATCH = 256


def quantize(x: np.ndarray, spec: Input) -> Integers:
    """Return the integers of inputs [N, ...]; see :class:`~qsched.deploy.Input`.

    >>> quantize(np.array([[0.25, 0.75, -9.0]]), Input((3,), 0.5, -8, 7)).tolist()
    [[0, 2, -8]]
    """
    return np.clip(np.rint(np.asarray(x, np.float64) / spec.step), spec.low, spec.high).astype(
        np.int64
    )


def run(network: IntegerNetwork, q: Integers) -> Iterator[tuple[str, np.ndarray]]:
    """Compute the network on integer inputs [N, ...], and yield what is behind each node.

    All values are int64; the last ones, logits, are the integers before the final step.
    """
    for node in network.nodes:
        q = _apply(node.operation, q)
        yield node.name, q


def golden(network: IntegerNetwork, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the golden tensors of inputs x [N, ...]: the input, and what is behind each node."""
    q = quantize(x, network.input)
    return {"input": q, **dict(run(network, q))}


def logits(network: IntegerNetwork, x: np.ndarray) -> np.ndarray:
    """Return the logits of inputs x [N, ...], [N, classes] float32."""
    parts = [
        list(run(network, quantize(x[i : i + BATCH], network.input)))[-1][1]
        for i in range(0, len(x), BATCH)
    ]
    return np.concatenate(parts).astype(np.float32) * np.float32(_step(network))


def _step(network: IntegerNetwork) -> float:
    last = network.nodes[-1].operation
    assert isinstance(last, Logits)
    return last.step


def _apply(operation: Operation, q: Integers) -> Integers:
    match operation:
        case Sum():
            return _sum(operation, q)
        case Threshold():
            return _threshold(operation, q)
        case MaxPool():
            largest: Integers = _windows(q, operation.size, operation.stride).max(axis=(-2, -1))
            return largest
        case SumPool():
            sums: Integers = _windows(q, operation.size, operation.stride).sum(axis=(-2, -1))
            return sums
        case Flatten():
            return q.reshape(len(q), -1)
        case Logits():
            return q * operation.factor + operation.offset


def _sum(operation: Sum, q: Integers) -> Integers:
    weights = operation.weights
    if weights.ndim == 2:
        return _product(q, weights.T)
    rows, columns = operation.padding
    padded = np.pad(q, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    windows = _windows(padded, weights.shape[2:], operation.stride)
    parts = [
        _product(
            np.moveaxis(group, 1, 3).reshape(-1, kernel[0].size), kernel.reshape(len(kernel), -1).T
        )
        for group, kernel in zip(
            np.split(windows, operation.groups, axis=1),
            np.split(weights, operation.groups),
            strict=True,
        )
    ]
    sums = np.concatenate(parts, axis=1)
    shape = (len(q), *windows.shape[2:4], len(weights))
    return np.ascontiguousarray(np.moveaxis(sums.reshape(shape), 3, 1))


def _product(x: Integers, weights: Integers) -> Integers:
    """Return the matrix product; float64 holds integers up to 2^53 exactly, and is faster."""
    return (x.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)


def _windows(x: Integers, size: tuple[int, ...], stride: tuple[int, int]) -> Integers:
    windows: Integers = sliding_window_view(x, size, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]]


def _threshold(operation: Threshold, q: Integers) -> Integers:
    ones = [1] * (q.ndim - 2)
    passed = np.zeros(q.shape, np.int64)
    for column in operation.thresholds.T:
        passed += q >= column.reshape(1, -1, *ones)
    levels: Integers = operation.levels[passed]
    return levels
