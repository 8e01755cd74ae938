"""A PyTorch model of one's own, trained by a schedule, and out as integers.

    python examples/deploy.py            # writes digits-onnx, digits-qonnx and digits-cutie

The same from the command line, with a network of a bundled study:

    qsched train ana-rule --task digits-tnn --seeds 2 --save digits.pt
    qsched deploy digits.pt --format onnx --verify
    qsched deploy digits.pt --format qonnx --verify
    qsched deploy digits.pt --format cutie --verify
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import qsched
from qsched import deploy
from qsched.specs import DataSpec
from qsched.tasks import Split, load_data


def network(width: int) -> nn.Sequential:
    """Build a network that the accelerator can hold: 3x3 layers, a classifier that reads 3x3."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(9 * width, 10),
    )


def train(model: nn.Module, split: Split, schedule: str, epochs: int, batch: int = 32) -> None:
    """Train by a schedule: five lines more than without."""
    x, y = torch.from_numpy(split.x), torch.from_numpy(split.y)
    steps = len(y) // batch
    qsched.quantize(model, schedule)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    ctl = qsched.attach(model, optimizer, schedule, total_steps=epochs * steps)
    for _ in range(epochs):
        for index in torch.randperm(len(y))[: steps * batch].split(batch):
            optimizer.zero_grad()
            F.cross_entropy(model(x[index]), y[index]).backward()
            optimizer.step()
            ctl.step()


def accuracy(model: nn.Module, split: Split) -> float:
    """Return the share of right answers."""
    with torch.inference_mode():
        found: Tensor = model.eval()(torch.from_numpy(split.x)).argmax(1)
    return float((found == torch.from_numpy(split.y)).double().mean())


def main() -> None:
    """Train, convert, verify, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedule", default="ana-rule")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(0)
    data = load_data(DataSpec(name="digits", validation=400))
    model = network(options.width)
    train(model, data.train, options.schedule, options.epochs)
    hard = qsched.convert(model)
    print(f"hard network in PyTorch: {100 * accuracy(hard, data.test):.1f} %")

    traced = deploy.trace(hard, data.train.x)
    found = deploy.accuracy(traced, data.test.x, data.test.y)
    print(f"in integers, inputs rounded to 8 bits: {100 * found:.1f} %")
    deploy.save(traced, options.out / "digits.pt")
    for target in deploy.FORMATS:
        folder = options.out / f"digits-{target}"
        result = deploy.deploy(traced, target, folder, data.test.x, check=True, model=hard)
        for agreement in result.agreements:
            print(f"{target}: {agreement.engine}: {agreement.differing} differing logits")


if __name__ == "__main__":
    main()
