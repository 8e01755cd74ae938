"""A tiny BERT with ternary layers in Hugging Face's Trainer, from its configuration.

python examples/huggingface_trainer.py --steps 150
"""

from __future__ import annotations

import argparse
import tempfile

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainingArguments,
)

import qsched
from qsched.attachment.huggingface import ScheduleCallback

SCHEDULE = "ana-ste-static"


class Rows(torch.utils.data.Dataset):
    """Rows of tokens; the class is whether the first one is odd."""

    def __init__(self, size: int, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.tokens = torch.randint(0, 12, (size, 8), generator=draw)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        row = self.tokens[index]
        return {"input_ids": row, "labels": row[0] % 2}


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=150)
options = parser.parse_args()

torch.manual_seed(0)
config = BertConfig(
    vocab_size=12,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    hidden_act="relu",
)
# Ternary weights; activations stay float, for they have no normalization before them.
precision = qsched.Precision(weights="ternary", activations="float")
model = qsched.quantize(BertForSequenceClassification(config), SCHEDULE, precision)
print(qsched.summary(model))
callback = ScheduleCallback(SCHEDULE, learning_rate="scale")
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=options.steps,
        per_device_train_batch_size=32,
        learning_rate=0.002,
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
        use_cpu=True,
    )
    trainer = Trainer(
        model=model, args=arguments, train_dataset=Rows(2000, 1), callbacks=[callback]
    )
    trainer.train()
hard = qsched.convert(model)
test = Rows(500, 2)
labels = torch.stack([row["labels"] for row in test])
accuracy = (hard(input_ids=test.tokens).logits.argmax(1) == labels).float().mean()
print(f"test accuracy of the hard network: {accuracy:.3f}")
