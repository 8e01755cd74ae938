"""A PyTorch model of one's own as a task, in a plugin file.

    qsched run examples/own-task.yaml --plugin examples/own_task.py

`qsched run` says how it is trained: this residual network through torch.func, many runs at once.
"""

from __future__ import annotations

from torch import Tensor, nn

import qsched


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm, self.act = nn.BatchNorm2d(width), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)) + x)


def network(width: int | None, classes: int) -> nn.Module:
    """Build a stem, four residual blocks and a classifier; torch is seeded by the run."""
    w = width or 8
    return nn.Sequential(
        nn.Conv2d(1, w, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(w),
        nn.ReLU(),
        *(Residual(w) for _ in range(4)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(w, classes),
    )


qsched.task("small-residual-network", network)
