"""Incremental quantization of one lane: codebooks, and which weights freeze.

Formulas are those of :mod:`qsched.quantizers.inq` and :mod:`qsched.quantizers.partition`. Freezing
is rare and works on a copy of one tensor's weights in the order of torch lanes, on which ties and
random draws depend; what a step needs of it lies where the weights lie.
"""

from __future__ import annotations

import math
from typing import Any

from qsched.native.compiler import compiled
from qsched.native.names import BOOKS, PARTITIONS
from qsched.native.simd import fill, load, select_gt, store, width

__all__ = ["free_gradients", "freeze", "harden_frozen", "hold", "sort_descending", "use_frozen"]

TERNARY, BINARY, UNIFORM, POWERS = range(len(BOOKS))
MAGNITUDE, RANDOM, SMALLEST, ERROR, RPR = range(len(PARTITIONS))
CANDIDATES, TURNS = 64, 4
LARGEST = 1e38


@compiled
def freeze(net: Any, state: Any, site: int, count: int, uniform: Any) -> None:
    """Freeze weights of one tensor until ``count`` are frozen; ``rpr`` draws all anew.

    Args:
        net: the network.
        state: of the lane; ``grads`` and ``order`` are used as scratch.
        site: index of the tensor.
        count: how many are to be frozen.
        uniform: samples in [0, 1) for all quantized weights.
    """
    start, size = net.tensors[site], net.tensors[site + 1] - net.tensors[site]
    anew, started = net.modes[site, 2] == RPR, 0
    if count > 0 and state.started[site] == 0:
        state.scales[site] = _scale(net, state, site)
    scale = state.scales[site]
    for i in range(size):
        place = net.columns[start + i]
        weight = state.values[place]
        quantized = _quantize(weight, scale, net.book[0], net.book[1])
        key = _priority(weight, quantized, uniform[start + i], net.modes[site, 2])
        # Frozen weights come first, NaN last.
        key = -LARGEST if math.isnan(key) else min(max(key, -LARGEST), LARGEST)
        state.grads[i] = math.inf if state.frozen[place] > 0 and not anew else key
        state.latent[place] = weight
    sort_descending(state.grads, size, state.order)
    for rank in range(size):
        i = state.order[rank]
        place = net.columns[start + i]
        frozen = rank < count or (state.frozen[place] > 0 and not anew)
        if frozen and not state.frozen[place] > 0:
            state.fixed[place] = _quantize(state.values[place], scale, net.book[0], net.book[1])
        state.frozen[place] = 1.0 if frozen else 0.0
        started += frozen
    state.started[site] = started


@compiled
def sort_descending(keys: Any, size: int, order: Any) -> None:
    """Write the order of the first ``size`` keys, largest first, equal ones as they are.

    Merges runs of 1, 2, 4, ...

    Args:
        keys: no NaN.
        size: how many.
        order: receives indices; at least ``2 size`` long, the second half is scratch.
    """
    here, there, run = 0, size, 1
    for i in range(size):
        order[i] = i
    while run < size:
        for low in range(0, size, 2 * run):
            middle, high = min(low + run, size), min(low + 2 * run, size)
            left, right = low, middle
            for to in range(low, high):
                first = right >= high
                if left < middle and not first:
                    first = keys[order[here + left]] >= keys[order[here + right]]
                if first:
                    order[there + to] = order[here + left]
                    left += 1
                else:
                    order[there + to] = order[here + right]
                    right += 1
        here, there, run = there, here, 2 * run
    if here > 0:
        for i in range(size):
            order[i] = order[here + i]


@compiled
def harden_frozen(net: Any, state: Any, site: int) -> None:
    """Write the hard network's weights of one tensor: what is free is quantized, too."""
    scale = state.scales[site]
    if state.started[site] == 0:
        scale = _scale(net, state, site)
    for i in range(net.tensors[site], net.tensors[site + 1]):
        place = net.columns[i]
        if state.frozen[place] > 0:
            state.effective[place] = state.fixed[place]
        else:
            weight = state.values[place]
            state.effective[place] = _quantize(weight, scale, net.book[0], net.book[1])


@compiled
def use_frozen(state: Any, at: int, n: int) -> None:
    """Write the weights that layers compute with: fixed values where frozen."""
    zero = fill(state.values, 0.0)
    for i in range(at, at + n, width(state.values)):
        fixed, free = load(state.fixed, i), load(state.values, i)
        store(state.effective, i, select_gt(load(state.frozen, i), zero, fixed, free))


@compiled
def free_gradients(state: Any, at: int, n: int) -> None:
    """Set the gradients of frozen weights to 0."""
    zero = fill(state.grads, 0.0)
    for i in range(at, at + n, width(state.grads)):
        grad = load(state.grads, i)
        store(state.grads, i, select_gt(load(state.frozen, i), zero, zero, grad))


@compiled
def hold(state: Any, at: int, n: int) -> None:
    """Undo what the optimizer did to frozen weights."""
    zero = fill(state.values, 0.0)
    for i in range(at, at + n, width(state.values)):
        latent, free = load(state.latent, i), load(state.values, i)
        store(state.values, i, select_gt(load(state.frozen, i), zero, latent, free))


@compiled
def _priority(weight: float, quantized: float, uniform: float, partition: int) -> float:
    if partition == MAGNITUDE:
        return abs(weight)
    if partition == SMALLEST:
        return -abs(weight)
    if partition == ERROR:
        return -abs(weight - quantized)
    return uniform


@compiled
def _scale(net: Any, state: Any, site: int) -> float:
    """Return the scale of the codebook that is fitted to the weights of a tensor."""
    start, size, book = net.tensors[site], net.tensors[site + 1] - net.tensors[site], net.book[0]
    total, largest = 0.0, 0.0
    for i in range(size):
        magnitude = abs(state.values[net.columns[start + i]])
        total += magnitude
        largest = max(largest, magnitude)
    if book == BINARY:
        mean: float = total / size
        return mean
    if book == POWERS:
        return _power_of_two(largest)
    if book == UNIFORM:
        return _uniform_scale(net, state, site, largest)
    return _ternary_scale(net, state, site)


@compiled
def _quantize(weight: float, scale: float, book: int, bits: int) -> float:
    """Return the level nearest to a weight; NaN yields NaN."""
    if math.isnan(weight):
        return weight
    if book == TERNARY:
        return 0.0 if abs(weight) < scale / 2 else math.copysign(scale, weight)
    if book == BINARY:
        return -scale if weight < 0 else scale
    if book == POWERS:
        return _nearest_power(weight, scale, bits)
    return _code(weight, scale, bits) * scale


@compiled
def _ternary_scale(net: Any, state: Any, site: int) -> float:
    start, size = net.tensors[site], net.tensors[site + 1] - net.tensors[site]
    for i in range(size):
        state.grads[i] = abs(state.values[net.columns[start + i]])
    sort_descending(state.grads, size, state.order)
    total, best, scale = 0.0, -1.0, 0.0
    for k in range(1, size + 1):
        total += state.grads[state.order[k - 1]]
        gain = total * total / k
        if gain > best:
            best, scale = gain, total / k
    return scale


@compiled
def _power_of_two(x: float) -> float:
    """Return the power of two p with 3 p / 4 <= x < 3 p / 2; 0 for 0."""
    if x == 0:
        return 0.0
    mantissa, exponent = math.frexp(x)
    return math.ldexp(1.0, exponent - 1 if mantissa < 0.75 else exponent)


@compiled
def _nearest_power(weight: float, scale: float, bits: int) -> float:
    smallest = 2.0 ** (1 - 2 ** (bits - 2))
    ratio = abs(weight) / (scale if scale > 0 else 1.0)
    if ratio < smallest / 2:
        return 0.0
    return math.copysign(min(max(_power_of_two(ratio), smallest), 1.0) * scale, weight)


@compiled
def _code(weight: float, step: float, bits: int) -> float:
    half, ratio = 2.0 ** (bits - 1), weight / (step if step > 0 else 1.0)
    code = math.floor(ratio + 0.5)
    if code - ratio == 0.5 and code % 2 != 0:  # Halves go to even codes.
        code -= 1
    return min(max(1.0 * code, -half), half - 1)


@compiled
def _uniform_scale(net: Any, state: Any, site: int, largest: float) -> float:
    start, stop, bits = net.tensors[site], net.tensors[site + 1], net.book[1]
    best, scale = math.inf, 0.0
    for k in range(1, CANDIDATES + 1):
        step, error = largest * (k / CANDIDATES) / (2.0 ** (bits - 1) - 1), 0.0
        for i in range(start, stop):
            weight = state.values[net.columns[i]]
            error += (weight - _code(weight, step, bits) * step) ** 2
        if error < best:
            best, scale = error, step
    for _ in range(TURNS):
        power, fitted = 0.0, 0.0
        for i in range(start, stop):
            weight = state.values[net.columns[i]]
            code = _code(weight, scale, bits)
            power += code * code
            fitted += code * weight
        if power > 0:
            scale = fitted / power
    return scale
