"""A schedule in Lightning: a callback of its ``Trainer``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from qsched.attachment.controller import Controller, attach
from qsched.attachment.rates import Combination
from qsched.errors import InputError
from qsched.schedules import Schedule
from qsched.schedules.file import ScheduleFile

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise InputError(
        f"qsched.attachment.lightning needs Lightning, which cannot be imported ({error}); "
        "`pip install lightning`"
    ) from error

__all__ = ["ScheduleCallback"]


class ScheduleCallback(Callback):
    """Lets the quantized layers of a LightningModule follow a schedule.

    Quantize in ``__init__`` of the module, so that checkpoints find the quantizers. The schedule
    is stretched to the optimizer steps that the trainer estimates; accumulated batches count as
    one. Lightning's checkpoints hold all that resuming needs.

    Args:
        schedule, seed, steps_per_epoch, learning_rate: as of :func:`qsched.attach`. A scheduler of
            one's own in ``configure_optimizers`` needs ``learning_rate="keep"``.

    Attributes:
        controller: what :func:`qsched.attach` returned; None before training.

    Raises:
        InputError: at the start of training: its length is unknown, or as :func:`qsched.attach`.

    >>> callback = ScheduleCallback("ana-2019-partition")
    >>> trainer = lightning.Trainer(max_epochs=30, callbacks=[callback])  # doctest: +SKIP
    >>> trainer.fit(module, loader)  # doctest: +SKIP
    """

    def __init__(
        self,
        schedule: Schedule | ScheduleFile | str | Path,
        *,
        seed: int = 0,
        steps_per_epoch: int | None = None,
        learning_rate: Combination = "schedule",
    ) -> None:
        self.schedule, self.seed = schedule, seed
        self.steps_per_epoch, self.learning_rate = steps_per_epoch, learning_rate
        self.controller: Controller | None = None
        self._restored: dict[str, Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        total = trainer.estimated_stepping_batches
        if not math.isfinite(total) or total < 1:
            raise InputError(
                f"a schedule needs a training of known length, but the trainer estimates {total} "
                "steps; give the Trainer max_epochs or max_steps"
            )
        self.controller = attach(
            pl_module,
            trainer.optimizers,
            self.schedule,
            int(total),
            seed=self.seed,
            steps_per_epoch=self.steps_per_epoch,
            learning_rate=self.learning_rate,
        )
        if self._restored is not None:
            self.controller.load_state_dict(self._restored)
            self._restored = None

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self.controller is not None and trainer.global_step != self.controller.steps:
            self.controller.seek(trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {} if self.controller is None else self.controller.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._restored = state_dict or None
