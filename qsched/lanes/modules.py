"""Layers with a lane axis, each with its forward pass, its backward pass and its inference.

Features are [K, D, B]: lanes, features, examples. So a linear layer is one batched matrix product
and leaves each feature's examples contiguous, which batch normalization wants. Images are
[B, K C, H, W]: examples, lanes x channels, so that a convolution is one grouped convolution and
batch normalization sees K C channels.

Gradients are written by hand: a layer's ``backward`` receives the gradient of what its last
``forward`` returned, stores those of its parameters in the flat buffer and returns that of its
input. No graph is built in a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "Chain",
    "Conv2d",
    "Flattening",
    "GlobalPool",
    "LinearLayer",
    "MaxPooling",
    "Module",
    "Sum",
]

aten: Any = torch.ops.aten


class Module(ABC):
    """One layer of all lanes.

    Attributes:
        bottom: nothing before it has parameters, so its ``backward`` returns nothing of use.
    """

    bottom = False

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer on a batch in training, and remember what ``backward`` needs."""

    @abstractmethod
    def backward(self, grad: Tensor) -> Tensor:
        """Return the gradient with respect to the input of the last ``forward``."""

    def infer(self, x: Tensor) -> Tensor:
        """Compute the layer of the hard network."""
        return self.forward(x)


class Chain(Module):
    """Layers one after the other."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = modules

    def forward(self, x: Tensor) -> Tensor:
        for module in self.modules:
            x = module.forward(x)
        return x

    def backward(self, grad: Tensor) -> Tensor:
        for module in reversed(self.modules):
            grad = module.backward(grad)
            if module.bottom:
                break
        return grad

    def infer(self, x: Tensor) -> Tensor:
        for module in self.modules:
            x = module.infer(x)
        return x


class Sum(Module):
    """The sum of two branches."""

    def __init__(self, body: Module, shortcut: Module) -> None:
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.body.forward(x) + self.shortcut.forward(x)

    def backward(self, grad: Tensor) -> Tensor:
        return self.body.backward(grad) + self.shortcut.backward(grad)

    def infer(self, x: Tensor) -> Tensor:
        return self.body.infer(x) + self.shortcut.infer(x)


class LinearLayer(Module):
    """y = W x (+ b) on features; W is [K, D', D]."""

    def __init__(
        self, weight: Tensor, weight_grad: Tensor, bias: tuple[Tensor, Tensor] | None, bottom: bool
    ) -> None:
        self.weight, self.weight_grad, self.bottom = weight, weight_grad, bottom
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.infer(x)

    def infer(self, x: Tensor) -> Tensor:
        y = torch.bmm(self.weight, x)
        return y if self.bias is None else y.add_(self.bias[0].unsqueeze(2))

    def backward(self, grad: Tensor) -> Tensor:
        self.weight_grad.copy_(torch.bmm(grad, self.x.transpose(1, 2)))
        if self.bias is not None:
            self.bias[1].copy_(grad.sum(2))
        return grad if self.bottom else torch.bmm(self.weight.transpose(1, 2), grad)


class Conv2d(Module):
    """A convolution of images, grouped by lane; W is [K, C', C, k, k]."""

    def __init__(
        self,
        weight: Tensor,
        weight_grad: Tensor,
        bias: tuple[Tensor, Tensor] | None,
        bottom: bool,
        stride: int,
        padding: int,
    ) -> None:
        self.weight, self.weight_grad, self.bottom = weight, weight_grad, bottom
        self.bias, self.stride, self.padding = bias, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.infer(x)

    def infer(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias[0].reshape(-1)
        weight = self.weight.flatten(0, 1)
        return F.conv2d(x, weight, bias, self.stride, self.padding, groups=len(self.weight))

    def backward(self, grad: Tensor) -> Tensor:
        lanes = len(self.weight)
        given: Tensor
        given, weight, bias = aten.convolution_backward(
            grad,
            self.x,
            self.weight.flatten(0, 1),
            [lanes * self.weight.shape[1]],
            [self.stride] * 2,
            [self.padding] * 2,
            [1, 1],
            False,
            [0, 0],
            lanes,
            [not self.bottom, True, self.bias is not None],
        )
        self.weight_grad.copy_(weight.view(self.weight.shape))
        if self.bias is not None:
            self.bias[1].copy_(bias.view(lanes, -1))
        return grad if self.bottom else given


class MaxPooling(Module):
    """Max pooling over squares without overlap."""

    def __init__(self, size: int) -> None:
        self.size = [size, size]

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        y: Tensor
        y, self.index = aten.max_pool2d_with_indices(x, self.size, self.size)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        given: Tensor = aten.max_pool2d_with_indices_backward(
            grad, self.x, self.size, self.size, [0, 0], [1, 1], False, self.index
        )
        return given


class GlobalPool(Module):
    """Mean over all positions: images [B, K C, H, W] to features [K, C, B]."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x.mean((2, 3)).view(len(x), self.lanes, -1).permute(1, 2, 0).contiguous()

    def backward(self, grad: Tensor) -> Tensor:
        batch, channels, height, width = self.shape
        image = grad.permute(2, 0, 1).reshape(batch, channels, 1, 1) / (height * width)
        return image.expand(self.shape).contiguous()


class Flattening(Module):
    """Images [B, K C, H, W] to features [K, C H W, B]; features stay as they are."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def forward(self, x: Tensor) -> Tensor:
        self.shape = x.shape
        return x if x.dim() == 3 else x.view(len(x), self.lanes, -1).permute(1, 2, 0)

    def backward(self, grad: Tensor) -> Tensor:
        if len(self.shape) == 3:
            return grad
        return grad.permute(2, 0, 1).reshape(self.shape)
