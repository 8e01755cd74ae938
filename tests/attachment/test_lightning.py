"""The Lightning callback, in Lightning: same training as a plain loop, resumed or not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import qsched
from qsched.attachment.lightning import ScheduleCallback
from qsched.errors import InputError
from tests.attachment.models import SCHEDULES, STEPS, Loop, batch, network, same

EPOCHS, PER_EPOCH = 4, 3


class Module(pl.LightningModule):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.model = qsched.quantize(network(), SCHEDULES[name])
        self.seen: list[tuple[float, int]] = []

    def training_step(self, rows: list[Tensor], _: int) -> Tensor:
        return F.cross_entropy(self.model(rows[0]), rows[1])

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        state = next(iter(optimizer.state.values()), None)
        age = 0 if state is None else int(state["step"])
        self.seen.append((optimizer.param_groups[0]["lr"], age))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 0.02, weight_decay=0.1)


def loader() -> DataLoader[Any]:
    x, y = (torch.cat(parts) for parts in zip(*(batch(i) for i in range(PER_EPOCH)), strict=True))
    return DataLoader(TensorDataset(x, y), batch_size=8)


def fit(
    module: Module,
    name: str,
    folder: Path,
    epochs: int,
    resume: Path | None = None,
    **options: Any,
) -> ScheduleCallback:
    callback = ScheduleCallback(SCHEDULES[name], steps_per_epoch=PER_EPOCH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice about workers and loggers
        trainer = pl.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            callbacks=[callback],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            **options,
        )
        if epochs < EPOCHS:
            trainer.callbacks.append(Stop(epochs, folder / "half.ckpt"))
        trainer.fit(module, loader(), ckpt_path=resume)
    return callback


class Stop(pl.Callback):
    """Saves a checkpoint after some epochs, and stops."""

    def __init__(self, epochs: int, path: Path) -> None:
        self.epochs, self.path = epochs, path

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.current_epoch + 1 == self.epochs:
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True


def plain(name: str) -> Loop:
    loop = Loop(SCHEDULES[name])
    for step in range(STEPS):
        loop.model.train()
        x, y = batch(step % PER_EPOCH)
        loop.optimizer.zero_grad()
        F.cross_entropy(loop.model(x), y).backward()
        loop.optimizer.step()
        loop.ctl.step()
    return loop


@pytest.mark.parametrize("name", SCHEDULES)
def test_same_as_a_plain_loop(name: str, tmp_path: Path) -> None:
    module = Module(name)
    callback = fit(module, name, tmp_path, EPOCHS)
    assert callback.controller is not None
    assert callback.controller.fully_quantized
    assert same(module.model, plain(name).model)


@pytest.mark.parametrize("name", SCHEDULES)
def test_resumed(name: str, tmp_path: Path) -> None:
    whole, first, second = Module(name), Module(name), Module(name)
    fit(whole, name, tmp_path, EPOCHS)
    fit(first, name, tmp_path, 2)
    assert len(first.seen) == 2 * PER_EPOCH
    fit(second, name, tmp_path, EPOCHS, resume=tmp_path / "half.ckpt")
    assert [*first.seen, *second.seen] == whole.seen
    assert same(whole.model, second.model)


def test_learning_rates_restart_and_the_optimizer_is_cleared(tmp_path: Path) -> None:
    module = Module("inq")
    fit(module, "inq", tmp_path, EPOCHS)
    rates, ages = zip(*module.seen, strict=True)
    # Stages begin at 0.3, 0.6 and 0.9 of 12 steps, each with rates 0.02 and 0.002.
    stage = [0.02, 0.02, 0.002, 0.002]
    assert rates == pytest.approx([*stage, *stage, 0.02, 0.002, 0.002, 0.02])
    assert ages == (0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 0)


def test_accumulated_batches_are_one_step(tmp_path: Path) -> None:
    module = Module("ana")
    callback = fit(module, "ana", tmp_path, EPOCHS, accumulate_grad_batches=3)
    assert callback.controller is not None
    assert (callback.controller.steps, callback.controller.course.steps) == (EPOCHS, EPOCHS)
    assert callback.controller.fully_quantized


def test_endless_training_is_refused(tmp_path: Path) -> None:
    callback = ScheduleCallback("ana-2019-partition")

    class Endless:
        estimated_stepping_batches = float("inf")
        optimizers: tuple[()] = ()

    with pytest.raises(InputError, match="give the Trainer max_epochs or max_steps"):
        callback.on_train_start(Endless(), Module("ana"))  # type: ignore[arg-type]
