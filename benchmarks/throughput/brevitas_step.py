"""Peer C itself: training steps of a Brevitas ternary network. Runs in an environment of its own.

Reads ``{"layers": [...], "shape": [...], "batch": B}``, then numbers of steps, one a line, from
its input; writes the seconds they took, one a line. Needs torch and brevitas only.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import brevitas.nn as qnn
import torch
from brevitas.quant.ternary import (
    SignedTernaryActPerTensorConst,
    SignedTernaryWeightPerTensorConst,
)
from torch import nn
from torch.nn import functional as F


def module(layer: dict[str, Any], shape: list[int]) -> nn.Module:
    """Return one layer; ``shape`` is that of an example before it."""
    weights = SignedTernaryWeightPerTensorConst if layer.get("quantized") else None
    match layer["kind"]:
        case "Linear":
            size = shape[0], layer["features"]
            return qnn.QuantLinear(*size, bias=layer["bias"], weight_quant=weights)
        case "Conv":
            return qnn.QuantConv2d(
                shape[0],
                layer["channels"],
                layer["kernel"],
                stride=layer["stride"],
                padding=layer["padding"],
                bias=layer["bias"],
                weight_quant=weights,
            )
        case "BatchNorm":
            return (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0])
        case "Activation":
            return qnn.QuantIdentity(act_quant=SignedTernaryActPerTensorConst)
        case "MaxPool":
            return nn.MaxPool2d(layer["size"])
        case "Flatten":
            return nn.Flatten()
    raise NotImplementedError(layer["kind"])


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    given = json.loads(sys.stdin.readline())
    network = nn.Sequential(*(module(layer, layer["inputs"]) for layer in given["layers"]))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, fused=True)
    x = torch.randn(given["batch"], *given["shape"])
    y = torch.randint(0, 10, (given["batch"],))
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
