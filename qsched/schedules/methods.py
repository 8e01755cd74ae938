"""What a quantizer does with its hardening curve: anneal noise (ANA) or freeze weights (INQ)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qsched.schedules.base import Frozen

__all__ = ["Ana", "Inq", "Partition"]

Partition = Literal["magnitude", "random", "smallest", "error", "rpr"]
"""Which weights freeze first."""

NonNegative = Annotated[float, Field(ge=0)]


class Ana(Frozen):
    r"""Additive noise annealing of one role's stair functions.

    At hardening h of the forward noise and h' of the backward noise,

    .. math::
        \sigma_f = forward\_std\,(1 - h), \quad \mu = mean\,(1 - h)^{1/2}, \\
        \sigma_b = backward\_std\,(floor + (1 - floor)(1 - h'))

    where a static mean stays until h = 1. All are in quanta, the step of the stair, and a standard
    deviation is the true one for every family. The mean vanishes more slowly than the standard
    deviation, so that the stair is reached from the right (Spallanzani et al., CVPR 2022,
    arXiv 2203.11323). With sigma_b = 0 no gradient passes.

    Attributes:
        family: distribution of the noise.
        forward: what a layer puts out in training: expectation, mode or a random sample.
        forward_std: initial standard deviation of the forward noise; 0 is the exact stair.
        backward_std: initial standard deviation of the backward noise.
        backward_floor: share of the backward noise that never anneals: 0 dies with the forward
            noise, 1 is constant.
        mean: initial mean of the noise.
        mean_decay: ``sqrt`` (1 - h)^(1/2), or ``static``.

    The static clipped straight-through estimator has no noise forward, and constant one backward:

    >>> ste = Ana(family="uniform", forward_std=0.0, backward_std=12**-0.5, backward_floor=1.0)
    >>> ste.forward, ste.mean
    ('expectation', 0.0)
    """

    kind: Literal["ana"] = "ana"
    family: Literal["uniform", "triangular", "normal", "logistic"] = "uniform"
    forward: Literal["expectation", "mode", "random"] = "expectation"
    forward_std: NonNegative
    backward_std: NonNegative
    backward_floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    mean: float = 0.0
    mean_decay: Literal["sqrt", "static"] = "sqrt"


class Inq(Frozen):
    """Incremental quantization of weights: a fraction h of each layer is quantized and frozen.

    Zhou et al., ICLR 2017, arXiv 1702.03044; ``rpr`` is random partition relaxation, Cavigelli and
    Benini, 2020, arXiv 2001.01091.

    Attributes:
        partition: which free weights are frozen next: largest magnitude, random, smallest
            magnitude (a control), smallest quantization error, or ``rpr`` (random, drawn anew at
            every epoch, so the frozen set does not only grow).
        reset_optimizer: clear the optimizer state of a run when one of its stages begins.

    >>> Inq(partition="rpr").reset_optimizer
    False
    """

    kind: Literal["inq"] = "inq"
    partition: Partition = "magnitude"
    reset_optimizer: bool = False
