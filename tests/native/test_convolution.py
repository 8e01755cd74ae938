"""Convolutions of any shape, exactly, against loops over taps; what lies behind is left alone."""

import numpy as np
import pytest
from numba import njit

from qsched.native import convolution as kernels
from qsched.native import patches
from qsched.native.geometry import Convolution

BEHIND = 64

# Size of the image, number of images, kernel, stride, padding, input and output channels in units
# of a vector or, where they are negative, single ones.
SHAPES = [
    ((5, 5), 8, 3, 1, 1, 1, 1),
    ((6, 7), 13, 3, 2, 1, 2, 2),
    ((8, 5), 5, 3, 1, 0, 1, 3),
    ((4, 4), 1, 5, 1, 2, 1, 2),
    ((7, 6), 10, 2, 3, 0, 1, 1),  # Some inputs are never read.
    ((5, 6), 4, 1, 2, 1, 1, 1),  # Some outputs see only the border.
    ((6, 6), 9, 3, 1, 1, -1, 1),
    ((9, 8), 3, 3, 2, 1, -3, 2),
    ((5, 5), 2, 5, 2, 2, -7, 1),
]


@njit
def convolve(job, examples, a, a_step, w, ld, c, c_step, ahead):
    source, to = (0, a_step), (0, c_step)
    kernels.convolve(job, 0, examples, a, source, w, (0, ld), c, to, ahead)


@njit
def weights_gradient(job, examples, work, image, at, out, grads, ld):
    kernels.weights_gradient(job, 0, examples, work, (0, image), (at, out), grads, (0, ld))


@njit
def patch_gradient(job, examples, size, channels, work, padding, at, out, frame, grads, ld):
    image = size[0] * size[1] * channels
    for i in range(examples):
        patches.add_border(work, i * image, size, channels, frame, channels, padding)
        patches.patch_gradient(job, 0, work, frame, at + i * out, grads, (0, ld))


def numbers(rng, *shape, dtype):
    """Return whole numbers, so that no order of sums matters."""
    return rng.integers(-9, 10, shape).astype(dtype)


def behind(x):
    """Return the numbers in a row, with room behind."""
    return np.concatenate([x.reshape(-1), np.full(BEHIND, 99, x.dtype)])


def padded(x, padding):
    return np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def windows(x, i, j, stride, size):
    """Return what tap (i, j) reads for each output, or a view to write to."""
    return x[:, i : i + stride * size[0] : stride, j : j + stride * size[1] : stride][
        :, : size[0], : size[1]
    ]


class Case:
    def __init__(self, shape, dtype):
        size, self.examples, side, stride, padding, inputs, outputs = shape
        vector = 64 // np.dtype(dtype).itemsize
        self.inputs = inputs * vector if inputs > 0 else -inputs
        self.outputs = outputs * vector
        out = tuple((n + 2 * padding - side) // stride + 1 for n in size)
        channels = self.inputs, self.outputs
        self.shape = Convolution(size, out, side, stride, padding, channels, channels)
        rng = np.random.default_rng(0)
        self.x = numbers(rng, self.examples, *size, self.inputs, dtype=dtype)
        self.weights = numbers(rng, side, side, *channels, dtype=dtype)
        self.slope = numbers(rng, self.examples, *out, self.outputs, dtype=dtype)
        self.image, self.out = (a[0].size for a in (self.x, self.slope))

    def taps(self, frame):
        """Yield tap and what it reads of a frame."""
        for tap in np.ndindex(self.shape.side, self.shape.side):
            yield tap, windows(frame, *tap, self.shape.stride, self.shape.outputs)


CASES = [(shape, dtype) for shape in SHAPES for dtype in ("f4", "f8")]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return Case(*request.param)


def check(found, expected):
    np.testing.assert_array_equal(found[:-BEHIND].reshape(expected.shape), expected)
    assert (found[-BEHIND:] == 99).all()


def test_forward(case):
    frame = padded(case.x, case.shape.padding)
    expected = sum(read @ case.weights[tap] for tap, read in case.taps(frame))
    y = behind(np.full_like(expected, 77))
    weights, job = case.weights.reshape(-1), case.shape.forward()
    arguments = case.image, weights, case.outputs, y, case.out, kernels.NOTHING
    convolve(job, case.examples, case.x.reshape(-1), *arguments)
    check(y, expected)


@pytest.mark.parametrize("case", [c for c in CASES if c[0][5] > 0], indirect=True, ids=str)
def test_gradient_of_inputs(case):
    frame = padded(np.zeros_like(case.x), case.shape.padding)
    for tap, read in case.taps(frame):
        read += case.slope @ case.weights[tap].T
    edge = case.shape.padding
    height, width = case.shape.inputs
    expected = frame[:, edge : edge + height, edge : edge + width]
    x = behind(np.full_like(case.x, 77))
    turned = np.ascontiguousarray(case.weights.swapaxes(2, 3)).reshape(-1)
    arguments = case.out, turned, case.inputs, x, case.image, (0, 0, case.inputs)
    convolve(case.shape.inputs_gradient(), case.examples, case.slope.reshape(-1), *arguments)
    check(x, expected)


def test_gradient_of_weights(case):
    shape, frame = case.shape, padded(case.x, case.shape.padding)
    before = np.full_like(case.weights, 5)
    expected = before.copy()
    for tap, read in case.taps(frame):
        expected[tap] += np.einsum("byxi,byxo->io", read, case.slope)
    grads, room = behind(before), np.zeros(frame[0].size, case.x.dtype)
    work = np.concatenate([case.x.reshape(-1), case.slope.reshape(-1), room])
    at, ld = case.x.size, case.outputs
    if shape.framed:
        place = at + case.slope.size
        images = case.examples, shape.inputs, case.inputs, work, shape.padding
        patch_gradient(shape.patch_gradient(), *images, at, case.out, place, grads, ld)
    else:
        images = case.examples, work, case.image
        weights_gradient(shape.weights_gradient(), *images, at, case.out, grads, ld)
    check(grads, expected)
