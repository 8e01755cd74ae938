"""Schedules in the formats of others, read back by interpreters of these formats."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest

from qsched.errors import InputError, UnknownNameError
from qsched.schedules import Ana, Inq, LearningRate, Power, Schedule, Window
from qsched.schedules.file import ScheduleFile, load_schedule
from qsched.schedules.lower import layer_places, lower
from qsched.schedules.lower_quantlab import lower_quantlab

EPOCHS = 500


def bws(spec: dict[str, Any], t: int) -> float:
    """The bounded window of quantlab."""
    kwargs = spec["kwargs"]
    start, end, alpha = kwargs["tstart"], kwargs["tend"], kwargs["alpha"]
    assert isinstance(alpha, int)
    clipped = min(max(t, start), end)
    return spec["beta"] * ((end - clipped) / (end - start)) ** alpha


def hand(schedule: dict[str, float], t: int) -> float:
    """The value that quantlab's schedules by epoch have at an epoch."""
    return [
        value for epoch, value in sorted((int(e), v) for e, v in schedule.items()) if epoch <= t
    ][-1]


@pytest.mark.parametrize(
    "name",
    [
        "ana-cvpr-partition-homogeneous-static",
        "ana-cvpr-overlapped-homogeneous-dynamic",
        "ana-cvpr-same-start-homogeneous-static",
        "ana-cvpr-partition-progressive-static",
        "ana-cvpr-same-end-progressive-dynamic",
    ],
)
def test_published_schedules_lower_without_loss(name: str) -> None:
    schedule, places = load_schedule(name).schedule, layer_places(7)
    config = json.loads(
        lower(load_schedule(name), "quantlab", places, length=EPOCHS, tolerance=1e-9)
    )
    training = config["training"]
    timers = {m: t for t in training["quantize"]["kwargs"]["ctrl_spec"] for m in t["modules"]}
    assert timers.keys() == {place.name for place in places}
    course = training["gd"]["lr_sched"]["kwargs"]["schedule"]
    for epoch in range(0, EPOCHS, 7):
        rows = schedule.at(epoch / EPOCHS, places)
        for place, (forward, mean, backward, _) in zip(places, rows, strict=True):
            sigma = bws(timers[place.name]["sigma"], epoch)
            assert sigma == pytest.approx(forward * math.sqrt(3), abs=1e-9)
            assert sigma == pytest.approx(backward * math.sqrt(3), abs=1e-9)
            assert bws(timers[place.name]["mi"], epoch) == pytest.approx(mean, abs=1e-9)
        rate = training["gd"]["opt"]["kwargs"]["lr"] * hand(course, epoch)
        assert rate == pytest.approx(float(schedule.learning_rates(epoch / EPOCHS)))


def test_the_exponents_of_the_paper() -> None:
    file = load_schedule("ana-cvpr-overlapped-progressive-static")
    config = lower_quantlab(file.schedule, layer_places(7), EPOCHS).config
    timers = config["training"]["quantize"]["kwargs"]["ctrl_spec"]
    assert [t["sigma"]["kwargs"]["alpha"] for t in timers] == [14, 12, 10, 8, 6, 4, 2]
    assert {t["sigma"]["kwargs"]["tend"] for t in timers} == {350}
    noise = config["network"]["quantize"]["kwargs"]
    assert noise == {"noise_type": "uniform", "strategy": "expectation"}


def test_inq() -> None:
    file = load_schedule("inq-halves")
    config = lower_quantlab(file.schedule, layer_places(3), 100).config
    inq = config["training"]["quantize"]["kwargs"]["config"]["INQ"]
    assert inq == {
        "schedule": {"30": 0.5, "45": 0.75, "60": 0.875, "75": 1.0},
        "clear_optim_state_on_step": False,
    }
    weights = [place for place in layer_places(3) if place.role == "weights"]
    for epoch in range(100):
        expected = file.schedule.at(epoch / 100, weights)[:, 3]
        found = hand({"0": 0.0, **inq["schedule"]}, epoch)
        assert expected == pytest.approx(np.full(3, found))


def _with(**changes: object) -> Schedule:
    ana = Ana(forward_std=0.5, backward_std=0.5)
    fields: dict[str, object] = {
        "window": Window(end=0.5),
        "decay": Power(exponent=2.0),
        "weights": ana,
        "activations": ana,
        "learning_rate": LearningRate(initial=0.1),
    }
    return Schedule(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (_with(decay=Power(exponent=1.5)), r"up to 0\.0\d+ .forward_std of layer1 at epoch"),
        (
            _with(weights=Ana(forward_std=0.5, backward_std=0.7)),
            r"up to 0.2 .backward_std of layer1 at epoch 0., and 1e-06 is allowed",
        ),
        (
            _with(weights=Ana(family="normal", forward_std=0.5, backward_std=0.5)),
            "one noise family .* has normal expectation and uniform expectation",
        ),
        (_with(weights=Inq(partition="error"), activations=None), "partition here is `error`"),
        (_with(weights=Inq()), "but this schedule anneals them"),
        (
            _with(weights=Inq(), activations=None, window=Window(offset_start=0.4)),
            "frozen of layer1 at epoch",
        ),
        (_with(weights=None, activations=None), "quantizes nothing"),
    ],
)
def test_what_quantlab_cannot_express(schedule: Schedule, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lower_quantlab(schedule, layer_places(3), 50)


def test_a_stated_deviation_can_be_allowed() -> None:
    schedule, places = _with(decay=Power(exponent=1.5)), layer_places(2)
    found = lower_quantlab(schedule, places, 50, tolerance=0.1)
    timer = found.config["training"]["quantize"]["kwargs"]["ctrl_spec"][0]
    u = np.arange(50)
    ours = schedule.at(u / 50, places)[:, 0, 0] * math.sqrt(3)
    theirs = np.array([bws(timer["sigma"], int(t)) for t in u])
    assert np.abs(ours - theirs).max() / math.sqrt(3) == pytest.approx(found.deviation)


def test_the_table_is_the_schedule() -> None:
    file, places = load_schedule("inq-layerwise"), layer_places(4)
    rows = list(csv.DictReader(io.StringIO(lower(file, "table", places, length=20))))
    assert len(rows) == 21 * 8
    for row in rows:
        place = next(place for place in places if place.name == row["quantizer"])
        values = file.schedule.at(int(row["step"]) / 20, [place])[0]
        for name, value in zip(
            ("forward_std", "mean", "backward_std", "frozen"), values, strict=True
        ):
            assert float(row[name] or 0) == pytest.approx(value, abs=1e-8)
        expected = float(file.schedule.learning_rates(int(row["step"]) / 20))
        assert float(row["learning_rate"]) == pytest.approx(expected)


def test_json_and_yaml_are_the_file() -> None:
    file = load_schedule("inq-halves")
    assert ScheduleFile.model_validate_json(lower(file, "json", ())) == file
    assert "fractions" in lower(file, "yaml", ())
    with pytest.raises(UnknownNameError, match="unknown format `onnx`; known: json, quantlab"):
        lower(file, "onnx", ())
    with pytest.raises(InputError, match="at least 1 step"):
        lower(file, "table", layer_places(1), length=0)
    with pytest.raises(InputError, match="at least 1, but got 0"):
        lower(file, "quantlab", layer_places(1), length=0)
