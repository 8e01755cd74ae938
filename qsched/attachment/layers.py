"""Layers with quantized weights: PyTorch's own, with a quantizer before the arithmetic."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from qsched.attachment.quantizer import STE
from qsched.attachment.weights import (
    AnnealedWeights,
    IncrementalWeights,
    WeightQuantizer,
    weight_quantizer,
)
from qsched.schedules import Ana, Inq

__all__ = [
    "QUANTIZED",
    "QuantConv1d",
    "QuantConv2d",
    "QuantConvTranspose1d",
    "QuantConvTranspose2d",
    "QuantLinear",
    "QuantizedLayer",
]


class QuantizedLayer(nn.Module):
    """What quantized layers share.

    Parameters are those of the float layer, under its names, so its state dicts load; the
    quantizer then starts afresh for the weights that came.

    Attributes:
        weight: the float weights.
        bias: as of the float layer.
        quantizer: turns the float weights into those computed with.
    """

    weight: Tensor
    quantizer: WeightQuantizer
    scaled: bool

    def adopt(self, layer: nn.Module, quantizer: WeightQuantizer, *, scaled: bool) -> None:
        """Take over the parameters of a float layer."""
        self.register_parameter("weight", layer.get_parameter("weight"))
        self.register_parameter("bias", dict(layer.named_parameters(recurse=False)).get("bias"))
        self.quantizer, self.scaled = quantizer, scaled
        self.train(layer.training)

    def follow(self, method: Ana | Inq | None) -> None:
        """Let the quantizer follow a method; it keeps its state where that has the same form."""
        kind = IncrementalWeights if isinstance(method, Inq) else AnnealedWeights
        if not isinstance(self.quantizer, kind):
            place, levels = self.quantizer.place, self.quantizer.levels
            self.quantizer = weight_quantizer(
                place, levels, method, self.weight, scaled=self.scaled
            ).train(self.training)
        self.quantizer.method = method

    @property
    def effective_weight(self) -> Tensor:
        """The weights that the layer computes with."""
        weight: Tensor = self.quantizer(self.weight)
        return weight

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        # Children are loaded after this, into the quantizer that is there by then.
        stored = {key for key in state_dict if key.startswith(f"{prefix}quantizer.")}
        if f"{prefix}quantizer.frozen" in stored:
            self.follow(self.quantizer.method if self._incremental else Inq())
        elif f"{prefix}quantizer.quantum" in stored and self._incremental:
            self.follow(STE)
        super()._load_from_state_dict(state_dict, prefix, *rest)
        if not stored and f"{prefix}weight" in state_dict:
            self.quantizer.restart(self.weight)

    @property
    def _incremental(self) -> bool:
        return isinstance(self.quantizer, IncrementalWeights)


class QuantLinear(QuantizedLayer, nn.Linear):
    """A fully connected layer with quantized weights."""

    def __init__(self, layer: nn.Linear, quantizer: WeightQuantizer, *, scaled: bool) -> None:
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.adopt(layer, quantizer, scaled=scaled)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.effective_weight, self.bias)


def _geometry(layer: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a convolution is built with, but for its own parameters."""
    names = "stride", "padding", "dilation", "groups"
    options = {name: getattr(layer, name) for name in names}
    return (layer.in_channels, layer.out_channels, layer.kernel_size), {
        **options,
        "device": "meta",
    }


class _Convolution(QuantizedLayer):
    """What convolutions share."""

    _conv_forward: Any

    def __init__(
        self, layer: nn.Conv1d | nn.Conv2d, quantizer: WeightQuantizer, *, scaled: bool
    ) -> None:
        sizes, options = _geometry(layer)
        super().__init__(*sizes, **options)
        self.adopt(layer, quantizer, scaled=scaled)

    def forward(self, input: Tensor) -> Tensor:
        y: Tensor = self._conv_forward(input, self.effective_weight, self.bias)
        return y


class QuantConv1d(_Convolution, nn.Conv1d):
    """A convolution of sequences with quantized weights."""


class QuantConv2d(_Convolution, nn.Conv2d):
    """A convolution of images with quantized weights."""


class _Transposed(QuantizedLayer):
    """What transposed convolutions share."""

    bias: Any
    stride: Any
    padding: Any
    groups: Any
    dilation: Any
    kernel_size: Any
    _output_padding: Any

    def __init__(
        self,
        layer: nn.ConvTranspose1d | nn.ConvTranspose2d,
        quantizer: WeightQuantizer,
        *,
        scaled: bool,
    ) -> None:
        sizes, options = _geometry(layer)
        super().__init__(*sizes, **options, output_padding=layer.output_padding)
        self.adopt(layer, quantizer, scaled=scaled)

    def compute(self, function: Any, input: Tensor, output_size: list[int] | None) -> Tensor:
        """Return the output of ``function``, one of torch's transposed convolutions."""
        padding = self._output_padding(
            input,
            output_size,
            self.stride,
            self.padding,
            self.kernel_size,
            len(self.kernel_size),
            self.dilation,
        )
        y: Tensor = function(
            input,
            self.effective_weight,
            self.bias,
            self.stride,
            self.padding,
            padding,
            self.groups,
            self.dilation,
        )
        return y


class QuantConvTranspose1d(_Transposed, nn.ConvTranspose1d):
    """A transposed convolution of sequences with quantized weights."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return self.compute(F.conv_transpose1d, input, output_size)


class QuantConvTranspose2d(_Transposed, nn.ConvTranspose2d):
    """A transposed convolution of images with quantized weights."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return self.compute(F.conv_transpose2d, input, output_size)


QUANTIZED: dict[type[nn.Module], Any] = {
    nn.Linear: QuantLinear,
    nn.Conv1d: QuantConv1d,
    nn.Conv2d: QuantConv2d,
    nn.ConvTranspose1d: QuantConvTranspose1d,
    nn.ConvTranspose2d: QuantConvTranspose2d,
}
"""The quantized version of each layer, by its exact type: a subclass may compute otherwise."""
