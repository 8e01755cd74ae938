"""A schedule in Hugging Face Transformers: a callback of its ``Trainer``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qsched.attachment.controller import Controller
from qsched.attachment.quantize import resolve_schedule
from qsched.attachment.rates import Combination
from qsched.errors import InputError
from qsched.schedules import Schedule
from qsched.schedules.file import ScheduleFile

try:
    from transformers import TrainerCallback
    from transformers.trainer_callback import ExportableState
except ImportError as error:
    raise InputError(
        "qsched.attachment.huggingface needs Transformers and Accelerate, which cannot be "
        f"imported ({error}); `pip install transformers accelerate`"
    ) from error

__all__ = ["ScheduleCallback"]


class ScheduleCallback(TrainerCallback, ExportableState):
    """Lets a quantized model follow a schedule over the steps of a Trainer.

    Quantize the model before the Trainer is made. The trainer's checkpoints hold all that resuming
    needs. Its own learning-rate scheduler is overruled, unless ``learning_rate="keep"``.

    Args:
        schedule, seed, steps_per_epoch, learning_rate: as of :func:`qsched.attach`; the schedule
            may also be a mapping, as the trainer's checkpoints hold it.

    Attributes:
        controller: what :func:`qsched.attach` returned; None before training.

    Raises:
        InputError: the schedule cannot be read; at the start of training as :func:`qsched.attach`.

    >>> callback = ScheduleCallback("ana-2019-partition")
    >>> trainer = Trainer(model, arguments, callbacks=[callback])  # doctest: +SKIP
    >>> trainer.train()  # doctest: +SKIP
    """

    def __init__(
        self,
        schedule: Schedule | ScheduleFile | str | Path | dict[str, Any],
        *,
        seed: int = 0,
        steps_per_epoch: int | None = None,
        learning_rate: Combination = "schedule",
    ) -> None:
        if isinstance(schedule, dict):
            schedule = Schedule.model_validate_json(json.dumps(schedule))
        self.schedule = resolve_schedule(schedule)[0]
        self.options: dict[str, Any] = {
            "seed": seed,
            "steps_per_epoch": steps_per_epoch,
            "learning_rate": learning_rate,
        }
        self.controller: Controller | None = None
        self.restored: dict[str, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        # Not by attach: that the trainer has a scheduler of its own is no mistake here.
        self.controller = Controller(
            objects["model"],
            [objects["optimizer"]],
            self.schedule,
            state.max_steps,
            **self.options,
        )
        if state.global_step:
            saved = self.restored or _saved(state, type(self).__name__)
            saved = saved or self.controller.state_dict()
            self.controller.load_state_dict({**saved, "step": state.global_step})

    def on_step_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        # The trainer's own scheduler has set its learning rate just before.
        if self.controller is not None:
            self.controller.seek(state.global_step)

    def state(self) -> dict[str, Any]:
        """Return what the trainer's checkpoint keeps of this callback."""
        restored = {} if self.controller is None else self.controller.state_dict()
        schedule = {"schedule": self.schedule.model_dump(mode="json")}
        return {"args": {**schedule, **self.options}, "attributes": {"restored": restored}}


def _saved(state: Any, name: str) -> dict[str, Any]:
    """Return the controller's state in the checkpoint that the trainer has loaded, if any."""
    stored = (state.stateful_callbacks or {}).get(name, {})
    found: dict[str, Any] = stored.get("attributes", {}).get("restored", {})
    return found
