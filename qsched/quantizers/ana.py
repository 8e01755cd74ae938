r"""Additive noise annealing: a stair function smoothed by noise, which the schedule removes.

With a stair Q of levels q, jumps d and thresholds t, noise of mean :math:`\mu` and distribution
function F, and :math:`z_i = x - \mu - t_i` (the noise is subtracted from the input),

.. math::
    E(x) = q_0 + \sum_i d_i F(z_i), \qquad E'(x) = \sum_i d_i f(z_i)

In training the forward pass puts out E, the most probable level, or a random one; the backward
pass always multiplies by E', taken at a standard deviation (and, if wanted, a mean) of its own.
Evaluation uses the stair itself, :func:`hard`.

:func:`ana` is the differentiable function; the pure functions it stands on are in
:mod:`qsched.quantizers.kernels` and :mod:`qsched.quantizers.plans`.

Spallanzani et al., Additive noise annealing and approximation properties of quantized neural
networks, 2019, arXiv:1905.10452; Spallanzani, Leonardi, Benini, Training quantised neural networks
with STE variants: the additive noise annealing algorithm, CVPR 2022, arXiv:2203.11323.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from qsched.levels.stair import Stair
from qsched.quantizers.kernels import Forward, ana_backward, ana_forward, hard
from qsched.quantizers.plans import backward_plan, forward_plan

__all__ = ["ana"]


def ana(
    x: Tensor,
    forward_std: Tensor | None,
    mean: Tensor | None,
    backward_std: Tensor,
    *,
    stair: Stair,
    family: str,
    forward: Forward,
    uniform: Tensor | None = None,
    backward_mean: Tensor | None = None,
    positive: bool = False,
) -> Tensor:
    """Return the quantized ``x`` of training, with the gradient of its smoothed stair function.

    Standard deviations and means are in quanta and broadcast to ``x``. A forward standard
    deviation of 0 is the exact stair, H(0) = 1; a backward one of 0 gives the gradient 0. NaN
    yields NaN.

    Args:
        x: input, of any shape.
        forward_std: true standard deviation of the forward noise, >= 0; None says that it is 0
            everywhere (a faster path, taken without asking the device).
        mean: mean of the noise; None is 0.
        backward_std: true standard deviation of the backward noise, >= 0.
        stair: levels, thresholds, quantum.
        family: ``uniform``, ``triangular``, ``normal`` or ``logistic``.
        forward: ``expectation`` of the stair, ``mode`` (its most probable level; the higher of
            two equally probable ones), or ``random`` (a level drawn by ``uniform``).
        uniform: for ``random``: samples in [0, 1), of the shape of ``x``.
        backward_mean: mean of the backward noise; None is ``mean``.
        positive: the caller's word that ``forward_std`` is 0 nowhere (a faster path).

    Raises:
        UnknownNameError: no noise family or forward mode of this name.
        InputError: ``random`` without ``uniform``.

    Clipped STE is the exact stair forward and uniform noise of one quantum's width backward:

    >>> from qsched.quantizers import stair
    >>> x = torch.tensor([-1.5, -0.5, 0.0, 0.5, 1.5], requires_grad=True)
    >>> std = torch.tensor(12**-0.5)
    >>> y = ana(x, None, None, std, stair=stair("ternary"), family="uniform", forward="mode")
    >>> y.sum().backward()
    >>> y.tolist(), x.grad.tolist()
    ([-1.0, 0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0, 0.0])
    """
    y: Tensor = _Ana.apply(  # type: ignore[no-untyped-call]
        x,
        forward_std,
        mean,
        backward_std,
        mean if backward_mean is None else backward_mean,
        (stair, family, forward, uniform, positive),
    )
    return y


class _Ana(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        std: Tensor | None,
        mean: Tensor | None,
        backward_std: Tensor,
        backward_mean: Tensor | None,
        static: tuple[Stair, str, Forward, Tensor | None, bool],
    ) -> Tensor:
        stair, family, forward, uniform, positive = static
        ctx.save_for_backward(x, backward_std, backward_mean)
        ctx.static = stair, family
        if std is None:
            return hard(x, stair, mean)
        plan = forward_plan(std, mean, stair=stair, family=family, positive=positive)
        return ana_forward(x, plan, forward=forward, uniform=uniform)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, std, mean = ctx.saved_tensors
        stair, family = ctx.static
        plan = backward_plan(std, mean, stair=stair, family=family)
        return ana_backward(grads[0], x, plan), None, None, None, None, None
