"""The arrays of one lane, grouped: what compiled code reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsched.lanes.modes import Mode
from qsched.levels import Stair
from qsched.native.names import BOOKS, CODEBOOKS, FORWARDS, METHODS, NOISE, PARTITIONS
from qsched.native.program import FLOATS, LD, Program
from qsched.native.steps import stair_row
from qsched.specs import OptimizerSpec

__all__ = [
    "Course",
    "Network",
    "Split",
    "State",
    "aligned",
    "make_network",
    "make_state",
    "recipe",
    "state_size",
]


class Network(NamedTuple):
    """What is equal for lanes that share a task and modes.

    Attributes:
        ops: table of operations, see :mod:`qsched.native.program`.
        jobs: tables of convolutions, see :mod:`qsched.native.geometry`.
        modes: of every quantizer: method, noise family, strategy, [Q, 3].
        columns: where each quantized weight lies among the parameters, in the order of the plan.
        tensors: where each tensor begins among the quantized weights, and the end of the last.
        book: codebook of frozen weights: index and bits.
        stairs: of weights and of activations, rows of :func:`qsched.native.steps.stair_row`.
        batch: examples of a batch.
        logits: place of the network's output among the activations.
        grads: places there of the two regions for gradients.
        hard: examples that the hard network takes at a time.
        weights: number of leading parameters that are weights.
    """

    ops: np.ndarray
    jobs: np.ndarray
    modes: np.ndarray
    columns: np.ndarray
    tensors: np.ndarray
    book: tuple[int, int]
    stairs: np.ndarray
    batch: int
    logits: int
    grads: tuple[int, int]
    hard: int
    weights: int


class Course(NamedTuple):
    """What one lane is told at each of the T steps.

    Attributes:
        controls: of the quantizers, [T, 4, Q], columns of :data:`qsched.schedules.CONTROLS`.
        coefficients: of the optimizer, [T, 2].
        clears: whether the optimizer's state is cleared before the step, [T] bool.
        keys: of the noise, [T, Q, 2] int32; empty where nothing is random.
        counts: how many weights of each tensor are frozen, [T, tensors]; empty where none are.
        uniforms: samples in [0, 1) for partitions at random, for all quantized weights: one row,
            or one an epoch.
        order: the examples of each batch, [T, B].
        ends: steps after which epochs end, increasing, the last one T.
        scored: at which of them the network is scored, bool.
        recipe: of the optimizer, see :func:`recipe`.
    """

    controls: np.ndarray
    coefficients: np.ndarray
    clears: np.ndarray
    keys: np.ndarray
    counts: np.ndarray
    uniforms: np.ndarray
    order: np.ndarray
    ends: np.ndarray
    scored: np.ndarray
    recipe: np.ndarray


class State(NamedTuple):
    """The memory of one lane: P parameters and S running statistics, padded.

    Attributes:
        values: parameters, [P].
        effective: what layers compute with in place of weights, [P]; other parameters unused.
        grads: gradients, [P].
        first: the optimizer's first moment or velocity, [P].
        second: its second moment, [P].
        frozen: 1 for frozen weights, else 0, [P].
        fixed: what layers compute with in place of frozen weights, [P].
        latent: what frozen weights are held at, [P].
        scales: of the codebook, for each tensor of quantized weights.
        started: how many of each tensor's weights are frozen.
        means: running means, [S].
        variances: running variances, [S].
        centers: means of the last batch, [S].
        rstds: reciprocal standard deviations of the last batch, [S].
        sums: of gradients, scratch of one normalization.
        work: activations and their gradients.
        turned: transposed weights of one layer.
        samples: random numbers of one quantizer.
        table: coefficients of one quantizer.
        mask: 1 for each class, 0 for padding.
        labels: classes of the batch.
        order: scratch to sort the weights of one tensor.
    """

    values: np.ndarray
    effective: np.ndarray
    grads: np.ndarray
    first: np.ndarray
    second: np.ndarray
    frozen: np.ndarray
    fixed: np.ndarray
    latent: np.ndarray
    scales: np.ndarray
    started: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    centers: np.ndarray
    rstds: np.ndarray
    sums: np.ndarray
    work: np.ndarray
    turned: np.ndarray
    samples: np.ndarray
    table: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    order: np.ndarray


class Split(NamedTuple):
    """Examples: inputs one after the other, channels last, [N D], and classes [N]."""

    x: np.ndarray
    y: np.ndarray


TABLE = 64
PARAMETERS = ("values", "effective", "grads", "first", "second", "frozen", "fixed", "latent")
"""Arrays of a state that are as long as the row of parameters."""


def aligned(size: int, dtype: np.dtype, line: int = 64) -> np.ndarray:
    """Return zeros that begin at a multiple of ``line`` bytes."""
    memory = np.zeros(size * dtype.itemsize + line, np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : start + size * dtype.itemsize].view(dtype)


def make_network(
    program: Program,
    modes: tuple[Mode, ...],
    stairs: tuple[Stair | None, Stair | None],
    levels: str,
) -> Network:
    """Return the network of lanes of one mode.

    Args:
        program: the network's layout.
        modes: of every quantizer.
        stairs: of weights and of activations; None where they stay in full precision.
        levels: of weights; those that freeze are on their codebook.
    """
    rows = np.zeros((max(len(modes), 1), 3), np.int64)
    for row, mode in zip(rows, modes, strict=False):
        row[0] = METHODS.index(mode.kind)
        if mode.kind == "ana":
            row[1:] = NOISE.index(mode.family), FORWARDS.index(mode.forward)
        elif mode.kind == "inq":
            row[2] = PARTITIONS.index(mode.forward)
    name, bits = CODEBOOKS.get(levels, (BOOKS[0], 0))  # Full precision does not freeze.
    return Network(
        program.ops,
        program.jobs,
        rows,
        program.columns[: int(program.tensors[-1])],
        program.tensors,
        (BOOKS.index(name), bits),
        np.stack([stair_row(stair) for stair in stairs]),
        program.batch,
        program.logits,
        program.grads,
        program.hard,
        program.weights,
    )


def recipe(spec: OptimizerSpec) -> np.ndarray:
    """Return an optimizer's recipe as numbers.

    0 for Adam or 1 for gradient descent, first decay rate or momentum, second decay rate, weight
    decay, limit of the gradient's norm (0: none).
    """
    adam = spec.name == "adam"
    rates = spec.betas if adam else (spec.momentum, 0.0)
    return np.array([0 if adam else 1, *rates, spec.weight_decay, spec.clip or 0.0])


def make_state(program: Program, initial: np.ndarray, classes: int, dtype: np.dtype) -> State:
    """Return the state of a lane before training.

    Args:
        program: the network.
        initial: parameters in the order of the plan's row.
        classes: number of classes.
        dtype: float32 or float64.
    """

    size, statistics = program.size, program.statistics
    sizes = {
        **dict.fromkeys(PARAMETERS, size),
        **dict.fromkeys(("scales", "started"), len(program.tensors)),
        **dict.fromkeys(("means", "variances", "centers", "rstds"), statistics),
        "sums": 4 * int(program.ops[:, LD].max()),
        "work": program.work,
        "turned": program.turned,
        "samples": program.samples,
        "table": TABLE,
        "mask": -(-classes // FLOATS) * FLOATS,
    }
    state = State(
        **_parts(sizes, dtype),
        labels=np.zeros(program.batch, np.int64),
        order=np.zeros(2 * int(np.diff(program.tensors).max(initial=0)), np.int64),
    )
    state.values[program.columns] = initial
    state.variances[:] = 1
    state.mask[:classes] = 1
    return state


def state_size(program: Program) -> int:
    """Return about how many numbers the state of a lane has: activations and parameters."""
    return program.work + len(PARAMETERS) * program.size


def _parts(sizes: dict[str, int], dtype: np.dtype) -> dict[str, np.ndarray]:
    """Return arrays of zeros, one behind the other, each at a multiple of a cache line."""
    padded = [-(-size // FLOATS) * FLOATS for size in sizes.values()]
    memory, start, parts = aligned(sum(padded), dtype), 0, {}
    for (name, size), room in zip(sizes.items(), padded, strict=True):
        parts[name] = memory[start : start + size]
        start += room
    return parts
