"""Incremental quantization in Lightning: weights freeze in stages, the learning rate restarts.

python examples/lightning_trainer.py --steps 200
"""

from __future__ import annotations

import argparse

import lightning.pytorch as pl
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import qsched
from qsched.attachment.lightning import ScheduleCallback

SCHEDULE = "inq-halves"


class Digits(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        model = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(256, 10),
        )
        # Here, not in the script, so that load_from_checkpoint finds the quantizers.
        self.model = qsched.quantize(model, SCHEDULE)

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return F.cross_entropy(self.model(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        hits = self.model(batch[0]).argmax(1) == batch[1]
        self.log("accuracy", hits.float().mean(), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.005)


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
options = parser.parse_args()

pl.seed_everything(0, verbose=False)
data = load_digits()
x = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
digits = TensorDataset(x, torch.tensor(data.target))
train, test = torch.utils.data.random_split(digits, [1400, 397])
callback = ScheduleCallback(SCHEDULE, learning_rate="scale")
trainer = pl.Trainer(
    max_steps=options.steps,
    accelerator="cpu",
    callbacks=[callback],
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
module = Digits()
trainer.fit(module, DataLoader(train, batch_size=64, shuffle=True))
[scores] = trainer.validate(module, DataLoader(test, batch_size=397), verbose=False)
hard = qsched.convert(module.model)
print(f"test accuracy of the hard network: {scores['accuracy']:.3f}; first layer: {hard[0]}")
