"""Adam and SGD on flat rows, with a learning rate for every lane and step.

Bias corrections depend on the number of steps since a lane's state was last cleared, which is
known before training starts. So everything that varies by lane and step is a precomputed table of
coefficients, and a step is a handful of passes over [K, P].
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from qsched.specs import OptimizerSpec

__all__ = ["Adam", "Optimizer", "Sgd", "clip", "make_optimizer"]


class Optimizer(ABC):
    """One optimizer for all lanes; its state has one row a lane.

    Args:
        values: parameters [K, P]; the state is made for them.
        spec: the recipe.
        weights: number of leading columns on which weight decay acts.
    """

    def __init__(self, values: Tensor, spec: OptimizerSpec, weights: int) -> None:
        self.spec, self.weights = spec, weights
        self.state = [torch.zeros_like(values) for _ in range(self.moments)]
        self.scratch = torch.empty_like(values)

    moments: int

    @abstractmethod
    def step(self, values: Tensor, grads: Tensor, coefficients: Tensor) -> None:
        """Update ``values`` in place; ``grads`` may be changed.

        Args:
            values: [K, P].
            grads: [K, P].
            coefficients: [2, K], of this step, see :func:`qsched.lanes.coefficients.coefficients`.
        """

    def decay(self, values: Tensor, grads: Tensor) -> None:
        """Add the gradient of the L2 penalty on weights."""
        if self.spec.weight_decay:
            columns = slice(0, self.weights)
            grads[:, columns].add_(values[:, columns], alpha=self.spec.weight_decay)

    def clear(self, rows: Tensor) -> None:
        """Forget the state of the lanes ``rows`` (indices)."""
        for moment in self.state:
            moment.index_fill_(0, rows, 0)

    def keep(self, rows: Tensor) -> None:
        """Drop all lanes but ``rows`` (indices)."""
        self.state = [moment.index_select(0, rows) for moment in self.state]
        self.scratch = torch.empty_like(self.state[0])


class Adam(Optimizer):
    r"""Adam: :math:`w \mathrel{-}= \eta\,\hat m / (\sqrt{\hat v} + \epsilon)`.

    Written as :math:`w \mathrel{+}= m / (a \sqrt v + b)`; a and b are its coefficients.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR (2015).
    """

    moments = 2

    def step(self, values: Tensor, grads: Tensor, coefficients: Tensor) -> None:
        self.decay(values, grads)
        first, second = self.spec.betas
        mean, square = self.state
        mean.lerp_(grads, 1 - first)
        square.mul_(second).addcmul_(grads, grads, value=1 - second)
        slope, offset = coefficients.unsqueeze(2)
        divisor = torch.sqrt(square, out=self.scratch).mul_(slope).add_(offset)
        values.addcdiv_(mean, divisor)


class Sgd(Optimizer):
    r"""Gradient descent with momentum: :math:`v = \mu v + g,\ w \mathrel{-}= \eta v`."""

    moments = 1

    def step(self, values: Tensor, grads: Tensor, coefficients: Tensor) -> None:
        self.decay(values, grads)
        (velocity,) = self.state
        velocity.mul_(self.spec.momentum).add_(grads)
        values.sub_(torch.mul(velocity, coefficients[0].unsqueeze(1), out=self.scratch))


def make_optimizer(values: Tensor, spec: OptimizerSpec, weights: int) -> Optimizer:
    """Return the optimizer that ``spec`` names, for parameters ``values`` [K, P]."""
    kind = Adam if spec.name == "adam" else Sgd
    return kind(values, spec, weights)


def clip(grads: Tensor, limit: float) -> None:
    """Scale each lane's gradient down to a Euclidean norm of at most ``limit``."""
    norms = torch.linalg.vector_norm(grads, dim=1, keepdim=True)
    grads.mul_((limit / (norms + 1e-6)).clamp_(max=1))
