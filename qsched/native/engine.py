"""The training of one lane from its first step to its last, in one call of compiled code.

Everything a lane touches lies in its :class:`~qsched.native.state.State`, small enough to stay in
cache; the data set and the schedule are read only. The GIL is not held, so lanes train side by
side in threads, and no two of them share memory that is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from qsched.native.compiler import compiled, entry, inlined
from qsched.native.loss import cross_entropy, is_correct
from qsched.native.network import backward, forward, infer
from qsched.native.optimizers import adam, clip, decay, sgd
from qsched.native.program import LD
from qsched.native.simd import clear, copy, dense, flush_denormals, restore_denormals
from qsched.native.sites import freeze_weights, harden_weights, hold_weights, quantize_weights

__all__ = ["train_lane"]


@entry
def train_lane(fingerprint: str) -> Callable[..., int]:
    """Return the function that is compiled."""

    def train_lane(
        net: Any,
        course: Any,
        state: Any,
        train: Any,
        validation: Any,
        final: Any,
        losses: Any,
        scores: Any,
    ) -> int:
        """Train one lane.

        Args:
            net: the network, :class:`~qsched.native.state.Network`.
            course: what the lane is told, :class:`~qsched.native.state.Course`.
            state: the lane's memory, :class:`~qsched.native.state.State`.
            train: training split, :class:`~qsched.native.state.Split`.
            validation: the split that the curve is taken on.
            final: the split of the final score.
            losses: receives the loss of every step, [T] float64.
            scores: receives the accuracy of the hard network: after each epoch that is scored on
                ``validation``, in the last row on ``final``, and there its cross-entropy, too;
                [E + 1, 2] float64.

        Returns:
            Number of steps taken; fewer than T where losses or parameters stopped being finite.
        """
        _ = fingerprint
        before = flush_denormals()
        steps = _train(
            dense(net),
            dense(course),
            dense(state),
            dense(train),
            dense(validation),
            dense(final),
            losses,
            scores,
        )
        restore_denormals(before)
        return steps

    return train_lane


@inlined
def _train(
    net: Any,
    course: Any,
    state: Any,
    train: Any,
    validation: Any,
    final: Any,
    losses: Any,
    scores: Any,
) -> int:
    step = 0
    for epoch in range(len(course.ends)):
        begin, end = step, course.ends[epoch]
        sound = True
        while step < end:
            if len(course.counts) > 0:
                freeze_weights(net, course, state, step, epoch, step == begin)
            losses[step] = _step(net, course, state, train, step)
            sound = sound and math.isfinite(losses[step])
            step += 1
        if not (sound and _finite(state.values)):
            return step
        if course.scored[epoch]:
            _score(net, state, validation, scores[epoch], False)
    _score(net, state, final, scores[len(course.ends)], True)
    return step


@compiled
def _finite(values: Any) -> bool:
    sound = 0
    for i in range(values.size):
        sound += math.isfinite(values[i])
    return bool(sound == values.size)


@inlined
def _step(net: Any, course: Any, state: Any, train: Any, step: int) -> float:
    """Take one step; return the mean loss of its batch."""
    controls, keys = course.controls[step], course.keys[min(step, len(course.keys) - 1)]
    if course.clears[step]:
        clear(state.first, 0, state.first.size)
        clear(state.second, 0, state.second.size)
    _gather(net, course, state, train, step)
    quantize_weights(net, state, controls, keys)
    forward(net, state, controls, keys)
    ld = net.ops[len(net.ops) - 1, LD]
    work, grad, labels = state.work, net.grads[0], state.labels
    loss = cross_entropy(work, net.logits, grad, ld, net.batch, labels, state.mask)
    backward(net, state, controls)
    _update(net, course, state, step)
    mean: float = loss / net.batch
    return mean


@inlined
def _gather(net: Any, course: Any, state: Any, train: Any, step: int) -> None:
    """Copy the examples of a batch."""
    size = train.x.size // train.y.size
    for b in range(net.batch):
        example = course.order[step, b]
        state.labels[b] = train.y[example]
        copy(train.x, example * size, state.work, b * size, size)


@inlined
def _update(net: Any, course: Any, state: Any, step: int) -> None:
    recipe, coefficients = course.recipe, course.coefficients[step]
    if recipe[4] > 0:
        clip(state.grads, recipe[4])
    if recipe[3] > 0:
        decay(state.grads, state.values, net.weights, recipe[3])
    if recipe[0] == 0:
        moments, betas = (state.first, state.second), (recipe[1], recipe[2])
        adam(state.values, state.grads, moments, betas, coefficients[0], coefficients[1])
    else:
        sgd(state.values, state.grads, state.first, recipe[1], coefficients[0])
    if len(course.counts) > 0:
        hold_weights(net, state)


@compiled
def _score(net: Any, state: Any, split: Any, score: Any, final: bool) -> None:
    """Write the accuracy of the hard network on a split, and in the end its cross-entropy."""
    harden_weights(net, state)
    examples, size = split.y.size, split.x.size // split.y.size
    hits, loss = 0, 0.0
    work, labels, mask, ld = state.work, state.labels, state.mask, net.ops[len(net.ops) - 1, LD]
    logits = net.grads[1]
    for start in range(0, examples, net.batch):
        count = min(net.batch, examples - start)
        for first in range(0, count, net.hard):
            some = min(net.hard, count - first)
            copy(split.x, (start + first) * size, work, 0, some * size)
            infer(net, state, some)
            copy(work, net.logits, work, logits + first * ld, some * ld)
        for b in range(count):
            label = labels[b] = split.y[start + b]
            hits += is_correct(work, logits + b * ld, ld, label, mask)
        if final:
            loss += cross_entropy(work, logits, net.grads[0], ld, count, labels, mask)
    score[0], score[1] = hits / examples, loss / examples
