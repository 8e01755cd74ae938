"""The quantizers as PyTorch operators, known to autograd, vmap, autocast and torch.compile.

The mathematics is that of :mod:`qsched.quantizers`. Control values are tensors, never Python
numbers: a compiled model is not compiled again when its schedule moves on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from qsched import quantizers
from qsched.lanes.noise import uniform
from qsched.quantizers import (
    Forward,
    ana_backward,
    ana_forward,
    backward_plan,
    codebook,
    forward_plan,
    hard,
    stair,
)
from qsched.schedules import BACKWARD_STD, FORWARD_STD, MEAN

__all__ = ["anneal", "harden", "quantize_rows"]


@torch.library.custom_op("qsched::anneal", mutates_args=())
def anneal(
    x: Tensor,
    controls: Tensor,
    keys: Tensor,
    levels: str,
    quantum: float,
    family: str,
    forward: str,
) -> Tensor:
    """Return what an annealed quantizer puts out in training; see :func:`qsched.quantizers.ana`.

    Args:
        x: input; its leading axes are those that ``controls`` has before the last one.
        controls: [..., 4], the columns of :data:`qsched.schedules.CONTROLS`.
        keys: [..., 2] int32, keys of the noise; read for ``random`` only.
        levels: name of the stair function.
        quantum: its quantum.
        family: of the noise.
        forward: ``expectation``, ``mode`` or ``random``.
    """
    plan = forward_plan(
        _column(controls, FORWARD_STD, x),
        _column(controls, MEAN, x),
        stair=stair(levels, quantum),
        family=family,
    )
    noise = _uniform(keys, x) if forward == "random" else None
    return ana_forward(x, plan, forward=cast("Forward", forward), uniform=noise)


@torch.library.custom_op("qsched::anneal_backward", mutates_args=())
def anneal_backward(
    grad: Tensor, x: Tensor, controls: Tensor, levels: str, quantum: float, family: str
) -> Tensor:
    """Return ``grad`` times the derivative of the smoothed stair function at ``x``."""
    plan = backward_plan(
        _column(controls, BACKWARD_STD, x),
        _column(controls, MEAN, x),
        stair=stair(levels, quantum),
        family=family,
    )
    return ana_backward(grad, x, plan)


@torch.library.custom_op("qsched::harden", mutates_args=())
def harden(x: Tensor, levels: str, quantum: float) -> Tensor:
    """Return the stair function of ``x``; see :func:`qsched.quantizers.hard`."""
    return hard(x, stair(levels, quantum))


@torch.library.custom_op("qsched::quantize_rows", mutates_args=())
def quantize_rows(
    weights: Tensor, frozen: Tensor, fixed: Tensor, scale: Tensor, levels: str
) -> Tensor:
    """Return the hard weights of incremental quantization; see :mod:`qsched.quantizers`."""
    return quantizers.harden(weights, frozen, fixed, scale, codebook(levels))


def _column(controls: Tensor, column: int, x: Tensor) -> Tensor:
    """Return one control value, such that it broadcasts to ``x``."""
    value = controls[..., column].to(x.dtype)
    return value.reshape(*value.shape, *(1,) * (x.dim() - value.dim()))


def _uniform(keys: Tensor, x: Tensor) -> Tensor:
    lanes = keys.shape[:-1]
    return uniform(keys.reshape(-1, 2), x.shape[len(lanes) :], x.dtype).reshape(x.shape)


@anneal.register_fake
def _(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x)


@anneal_backward.register_fake
def _(grad: Tensor, x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x)


@harden.register_fake
def _(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x)


@quantize_rows.register_fake
def _(weights: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(weights)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, controls, _, levels, quantum, family, _ = inputs
    ctx.save_for_backward(x, controls)
    ctx.static = levels, quantum, family


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, controls = ctx.saved_tensors
    given = anneal_backward(grad, x, controls, *ctx.static)
    return given, None, None, None, None, None, None


anneal.register_autograd(_differentiate, setup_context=_remember)


@anneal.register_vmap
def _(
    info: Any, axes: Sequence[Any], x: Tensor, controls: Tensor, keys: Tensor, *static: Any
) -> Any:
    batched = [
        _first(tensor, axis, info.batch_size)
        for tensor, axis in zip((x, controls, keys), axes, strict=False)
    ]
    return anneal(*batched, *static), 0


@harden.register_vmap
def _(info: Any, axes: Sequence[Any], x: Tensor, *static: Any) -> Any:
    return harden(_first(x, axes[0], info.batch_size), *static), 0


@quantize_rows.register_vmap
def _(info: Any, axes: Sequence[Any], *values: Any) -> Any:
    *tensors, levels = values
    rows = [
        _first(tensor, axis, info.batch_size).flatten(0, 1)
        for tensor, axis in zip(tensors, axes, strict=False)
    ]
    return quantize_rows(*rows, levels).unflatten(0, (info.batch_size, -1)), 0


def _first(x: Tensor, axis: int | None, size: int) -> Tensor:
    """Return ``x`` with the axis of vmap first."""
    return x.expand(size, *x.shape) if axis is None else x.movedim(axis, 0)
