"""The Trainer callback, in Transformers: a tiny model from its configuration, resumed or not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what third parties do while they are imported
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

import qsched
from qsched.attachment import summary
from qsched.attachment.huggingface import ScheduleCallback
from tests.attachment.models import SCHEDULES, same

STEPS, PER_EPOCH = 12, 3


class Rows(torch.utils.data.Dataset[dict[str, Tensor]]):
    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(3)
        self.tokens = torch.randint(0, 20, (24, 6), generator=draw)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {"input_ids": self.tokens[i], "labels": self.tokens[i, 0] % 2}


class Watch(TrainerCallback):
    """Notes the learning rate and the age of the optimizer's state before every step."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def on_pre_optimizer_step(self, *_: Any, optimizer: Any, **__: Any) -> None:
        state = next(iter(optimizer.state.values()), None)
        age = 0 if state is None else int(state["step"])
        self.seen.append((optimizer.param_groups[0]["lr"], age))


def tiny(name: str) -> nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        hidden_act="relu",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return qsched.quantize(
        BertForSequenceClassification(config), SCHEDULES[name], exclude=[r"bert\.pooler\..*"]
    )


def fit(
    name: str, folder: Path, *, resume: bool = False, **options: Any
) -> tuple[nn.Module, Watch, ScheduleCallback]:
    model, watch = tiny(name), Watch()
    callback = ScheduleCallback(SCHEDULES[name], steps_per_epoch=PER_EPOCH)
    arguments = {
        "output_dir": str(folder),
        "max_steps": STEPS,
        "per_device_train_batch_size": 8,
        "learning_rate": 0.01,
        "report_to": [],
        "disable_tqdm": True,
        "save_steps": 5,
        "use_cpu": True,
        "logging_strategy": "no",
        "dataloader_pin_memory": False,
        **options,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(
            model=model,
            args=TrainingArguments(**arguments),
            train_dataset=Rows(),
            callbacks=[callback, watch],
        )
        trainer.train(resume_from_checkpoint=str(folder / "checkpoint-5") if resume else None)
    return model, watch, callback


@pytest.mark.parametrize("name", ["ana", "inq", "rpr"])
def test_resumed(name: str, tmp_path: Path) -> None:
    whole, all_seen, callback = fit(name, tmp_path)
    again, rest, _ = fit(name, tmp_path, resume=True)
    assert len(rest.seen) == STEPS - 5
    assert all_seen.seen[5:] == rest.seen
    assert same(whole, again)
    assert callback.controller is not None
    assert callback.controller.fully_quantized


def test_resumed_with_the_trainer_s_own_restoring(tmp_path: Path) -> None:
    whole, _, _ = fit("inq", tmp_path)
    again, _, _ = fit("inq", tmp_path, resume=True, restore_callback_states_from_checkpoint=True)
    assert same(whole, again)


def test_learning_rates_restart_and_the_optimizer_is_cleared(tmp_path: Path) -> None:
    _, watch, _ = fit("inq", tmp_path, gradient_accumulation_steps=1)
    rates, ages = zip(*watch.seen, strict=True)
    stage = [0.02, 0.02, 0.002, 0.002]
    assert rates == pytest.approx([*stage, *stage, 0.02, 0.002, 0.002, 0.02])
    assert ages == (0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 0)


def test_the_model_is_quantized_and_converts(tmp_path: Path) -> None:
    model, _, _ = fit("ana", tmp_path)
    found = summary(model)
    assert len(found.quantized) == 2 * (6 + 1)
    assert any("bert.pooler.dense" in row and "excluded" in row for row in str(found).split("\n"))
    converted = qsched.convert(model)
    tokens = Rows().tokens[:4]
    model.eval()
    with torch.no_grad():
        ours, theirs = (m(input_ids=tokens).logits for m in (converted, model))
    assert torch.equal(ours, theirs)
