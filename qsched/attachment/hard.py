"""Modules of a hard network: weights that are integers times a scale, activations that are stairs.

:func:`qsched.convert` makes them; exporters read them. They have no trainable parameter and no
state but buffers, so a state dict holds a whole converted network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "HardConv1d",
    "HardConv2d",
    "HardConvTranspose1d",
    "HardConvTranspose2d",
    "HardLayer",
    "HardLinear",
    "HardStair",
]


class HardLayer(nn.Module):
    """A layer whose weights are ``levels * scale``.

    Args:
        levels: integers of the shape of the weights.
        scale: > 0; one number, or one for each output channel, such that it broadcasts to the
            weights. Its dtype is that of the weights.
        bias: one number for each output channel, or None.

    Attributes:
        levels: buffer, int16.
        scale: buffer.
        bias: buffer or None.

    NaN in an input goes the way it goes in the float layer.
    """

    levels: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, levels: Tensor, scale: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("levels", levels.detach().to(torch.int16))
        self.register_buffer("scale", scale.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    @property
    def weight(self) -> Tensor:
        """The weights that the layer computes with: ``levels * scale``."""
        return self.levels.to(self.scale.dtype) * self.scale

    def extra_repr(self) -> str:
        shape, distinct = tuple(self.levels.shape), torch.unique(self.levels).tolist()
        return f"levels={shape} in {distinct}, scale={tuple(self.scale.shape)}"


class HardLinear(HardLayer):
    """A fully connected layer with hard weights ``[out, in]``.

    >>> layer = HardLinear(torch.tensor([[1, -1], [0, 1]]), torch.tensor(0.5))
    >>> layer(torch.tensor([[3.0, 1.0]])).tolist()
    [[1.0, 0.5]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class _HardConv(HardLayer):
    """What convolutions share: their geometry, with the names of :class:`torch.nn.Conv2d`.

    Args:
        levels, scale, bias: as of :class:`HardLayer`.
        stride, padding, dilation: one number an axis.
        groups: as of torch.
    """

    def __init__(
        self,
        levels: Tensor,
        scale: Tensor,
        bias: Tensor | None = None,
        *,
        stride: Sequence[int],
        padding: Sequence[int] | str,
        dilation: Sequence[int],
        groups: int = 1,
    ) -> None:
        super().__init__(levels, scale, bias)
        self.stride, self.dilation, self.groups = tuple(stride), tuple(dilation), groups
        self.padding = padding if isinstance(padding, str) else tuple(padding)
        self.kernel_size = tuple(levels.shape[2:])

    def compute(self, function: Callable[..., Tensor], x: Tensor) -> Tensor:
        """Return the output of ``function``, one of torch's convolutions."""
        geometry = self.stride, self.padding, self.dilation, self.groups
        return function(x, self.weight, self.bias, *geometry)

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, groups={self.groups}"
        )


class HardConv1d(_HardConv):
    """A convolution of sequences with hard weights ``[out, in / groups, width]``.

    >>> geometry = {"stride": [1], "padding": [0], "dilation": [1]}
    >>> layer = HardConv1d(torch.tensor([[[1, -1]]]), torch.tensor(0.5), **geometry)
    >>> layer(torch.tensor([[[3.0, 1.0, 2.0]]])).tolist()
    [[[1.0, -0.5]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(F.conv1d, x)


class HardConv2d(_HardConv):
    """A convolution of images with hard weights ``[out, in / groups, height, width]``.

    >>> geometry = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1]}
    >>> layer = HardConv2d(torch.tensor([[[[1, -1]]]]), torch.tensor(0.5), **geometry)
    >>> layer(torch.tensor([[[[3.0, 1.0, 2.0]]]])).tolist()
    [[[[1.0, -0.5]]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(F.conv2d, x)


class _HardConvTranspose(_HardConv):
    """What transposed convolutions share; their weights are ``[in, out / groups, ...]``.

    Args:
        output_padding: one number an axis.
    """

    def __init__(
        self,
        levels: Tensor,
        scale: Tensor,
        bias: Tensor | None = None,
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int = 1,
        output_padding: Sequence[int],
    ) -> None:
        super().__init__(
            levels, scale, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
        )
        self.output_padding = tuple(output_padding)

    def compute(self, function: Callable[..., Tensor], x: Tensor) -> Tensor:
        """Return the output of ``function``, one of torch's transposed convolutions."""
        geometry = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return function(x, self.weight, self.bias, *geometry)


class HardConvTranspose1d(_HardConvTranspose):
    """A transposed convolution of sequences with hard weights."""

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(F.conv_transpose1d, x)


class HardConvTranspose2d(_HardConvTranspose):
    """A transposed convolution of images with hard weights."""

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(F.conv_transpose2d, x)


class HardStair(nn.Module):
    r"""An activation that is a stair function, the same for all channels.

    .. math:: y = quantum \cdot level_i \text{ where } t_i \le x < t_{i+1}

    A value that equals a threshold has passed it; NaN yields NaN.

    Args:
        thresholds: T numbers, increasing, in units of the input.
        levels: T + 1 integers, increasing.
        quantum: what a level of 1 stands for in the output; > 0.

    Attributes:
        thresholds: buffer [T].
        levels: buffer [T + 1], int16.
        quantum: buffer [].

    >>> ternary = HardStair(torch.tensor([-0.5, 0.5]), torch.tensor([-1, 0, 1]), torch.tensor(1.0))
    >>> ternary(torch.tensor([-0.6, -0.5, 0.4, 0.5])).tolist()
    [-1.0, 0.0, 0.0, 1.0]
    """

    thresholds: Tensor
    levels: Tensor
    quantum: Tensor

    def __init__(self, thresholds: Tensor, levels: Tensor, quantum: Tensor) -> None:
        super().__init__()
        self.register_buffer("thresholds", thresholds.detach().clone())
        self.register_buffer("levels", levels.detach().to(torch.int16))
        self.register_buffer("quantum", quantum.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        passed = torch.bucketize(x.detach(), self.thresholds.to(x.dtype), right=True)
        y = (self.levels.to(x.dtype) * self.quantum.to(x.dtype))[passed]
        return torch.where(x.isnan(), x, y)

    def extra_repr(self) -> str:
        return (
            f"thresholds={self.thresholds.tolist()}, levels={self.levels.tolist()}, "
            f"quantum={self.quantum.item():g}"
        )
