"""A ternary ResNet in a plain PyTorch loop, on images of CIFAR-10's shape.

    python examples/plain_pytorch.py --steps 300
    python examples/plain_pytorch.py --schedule inq-2bit --steps 2000 --data ~/datasets

Without --data the images are noise around one pattern a class.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import qsched


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1, self.act1 = nn.BatchNorm2d(outputs), nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2, self.act2 = nn.BatchNorm2d(outputs), nn.ReLU()
        self.skip = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.act1(self.norm1(self.conv1(x)))
        return self.act2(self.norm2(self.conv2(y)) + self.skip(x))


def resnet(width: int = 8) -> nn.Sequential:
    stem = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    blocks = Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10)
    return nn.Sequential(*stem, *blocks, *head)


def images(data: Path | None) -> tuple[Tensor, Tensor]:
    if data is None:
        y = torch.arange(512) % 10
        return torch.randn(10, 3, 32, 32)[y] + torch.randn(512, 3, 32, 32), y
    from qsched.tasks.cifar10 import read_raw

    train, _ = read_raw(data, records=10_000)
    return torch.from_numpy(train.x).float() / 128 - 1, torch.from_numpy(train.y)


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--schedule", default="ana-ste-static", help="a bundled name or a path")
parser.add_argument("--data", type=Path, help="folder of CIFAR-10's binary files")
options = parser.parse_args()

torch.manual_seed(0)
x, y = images(options.data)
# The projections of the skips stay float: to quantize them is to quantize the identity path.
model = qsched.quantize(resnet(), options.schedule, exclude=[r".*\.skip"])
print(qsched.summary(model))
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
ctl = qsched.attach(
    model, optimizer, options.schedule, total_steps=options.steps, learning_rate="scale"
)
for step in range(options.steps):
    batch = torch.randint(len(x), (64,))
    loss = F.cross_entropy(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ctl.step()
    if step % 50 == 0:
        print(f"step {step}  progress {ctl.progress:.2f}  loss {loss.item():.3f}")
hard = qsched.convert(model)
accuracy = (hard(x[:512]).argmax(1) == y[:512]).float().mean().item()
print(f"training accuracy of the hard network: {accuracy:.3f}")
