"""From a trained model to its hard network: ``qsched.convert``."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import nn

from qsched.attachment import hard
from qsched.attachment.layers import (
    QuantConv1d,
    QuantConv2d,
    QuantConvTranspose1d,
    QuantConvTranspose2d,
    QuantizedLayer,
    QuantLinear,
)
from qsched.attachment.quantizer import ActivationQuantizer, Quantizer
from qsched.errors import InputError
from qsched.quantizers import stair

__all__ = ["convert"]

M = TypeVar("M", bound=nn.Module)

HARD: dict[type[nn.Module], Any] = {
    QuantLinear: hard.HardLinear,
    QuantConv1d: hard.HardConv1d,
    QuantConv2d: hard.HardConv2d,
    QuantConvTranspose1d: hard.HardConvTranspose1d,
    QuantConvTranspose2d: hard.HardConvTranspose2d,
}


@torch.no_grad()
def convert(model: M) -> M:
    """Return the hard network of a model: a copy, in evaluation mode, without parameters to train.

    Quantized layers become those of :mod:`qsched.attachment.hard`, whose weights are integers
    times a scale; quantized activations become stairs; all else stays. Outputs are those of
    ``model.eval()``, bit for bit.

    Args:
        model: a quantized model that is fully quantized by now; not a wrapper such as DDP, whose
            ``module`` it must be.

    Raises:
        InputError: it has no quantizers, some of them are not hard yet, or weights are not finite;
            the message says which and what remains.

    >>> import qsched
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Hardtanh(), nn.Linear(8, 2))
    >>> model = qsched.quantize(model, "ana-2019-partition")
    >>> optimizer = torch.optim.Adam(model.parameters())
    >>> qsched.attach(model, optimizer, "ana-2019-partition", total_steps=10).seek(10)
    >>> hard = qsched.convert(model)
    >>> hard[0].levels.unique().tolist(), hard[1](torch.tensor([-0.6, 0.2, 7.0])).tolist()
    ([-1, 0, 1], [-1.0, 0.0, 1.0])
    """
    found = [module for module in model.modules() if isinstance(module, Quantizer)]
    if not found:
        raise InputError("the model has no quantizers; call qsched.quantize(model, ...) first")
    left = [f"`{q.place.name}`: {q.remaining}" for q in found if q.remaining]
    if left:
        raise InputError(
            "a model must be fully quantized to be converted, but there remain\n"
            + "\n".join(left)
            + "\ntrain to the end of the schedule, ctl.step() after the last step included"
        )
    result = copy.deepcopy(model).eval().requires_grad_(False)
    new: dict[int, nn.Module] = {}
    for name, module in [*result.named_modules(remove_duplicate=False)]:
        if id(module) not in new:
            made = _hard(module)
            if made is None:
                continue
            new[id(module)] = made.eval()
        result.set_submodule(name, new[id(module)])
    return result


def _hard(module: nn.Module) -> nn.Module | None:
    if isinstance(module, ActivationQuantizer):
        return _stair(module)
    if isinstance(module, QuantizedLayer):
        return _layer(module)
    return None


def _stair(module: ActivationQuantizer) -> nn.Module:
    if module.method is None:
        return module.replaced
    steps = stair(module.levels)
    unit = min(abs(level) for level in steps.levels if level)
    like = module.controls
    return hard.HardStair(
        torch.tensor(steps.edges, dtype=like.dtype, device=like.device),
        torch.tensor([round(level / unit) for level in steps.levels], device=like.device),
        torch.tensor(unit * steps.quantum, dtype=like.dtype, device=like.device),
    )


def _layer(layer: QuantizedLayer) -> nn.Module:
    if layer.quantizer.method is None:
        raise InputError(
            f"`{layer.quantizer.place.name}` follows no method; quantize the model by the "
            "schedule, so that what it leaves in full precision stays a float layer"
        )
    weight = layer.quantizer.hard(layer.weight)
    unit = layer.quantizer.unit(layer.weight)
    scale = torch.where(unit > 0, unit, 1).to(weight.dtype)
    levels = (weight / scale).round()
    if not torch.equal(levels * scale, weight):
        name = layer.quantizer.place.name
        raise InputError(f"the weights of `{name}` must be finite to be converted; train anew")
    hard: nn.Module = HARD[type(layer)](levels, scale, layer.bias, **_geometry(layer))
    return hard


def _geometry(layer: Any) -> dict[str, Any]:
    if isinstance(layer, nn.Linear):
        return {}
    names = ["stride", "padding", "dilation", "groups"]
    if layer.transposed:
        names.append("output_padding")
    return {name: getattr(layer, name) for name in names}
