"""Which lanes and weights are quantized alike."""

from __future__ import annotations

from qsched.lanes.layers import Activation, Linear
from qsched.lanes.modes import FLOAT, Mode, lane_modes, weight_segments
from qsched.lanes.plan import make_plan
from qsched.schedules import Ana, Inq, LearningRate, Override, Schedule
from qsched.specs import Precision

PLAN = make_plan((Linear(2), Activation(), Linear(3), Activation(), Linear(4)), (5,))
NORMAL = Ana(forward_std=0.1, backward_std=0.2, family="normal", forward="random")
RATE = LearningRate(initial=0.1)
ANA = Mode("ana", "normal", "random")


def test_modes_follow_method_exclusion_and_precision() -> None:
    first = Override(depth=(0, 0), exclude=True)
    mixed = Schedule(
        weights=Inq(partition="error"), activations=NORMAL, overrides=(first,), learning_rate=RATE
    )
    inq = Mode("inq", "", "error")
    assert lane_modes(mixed, PLAN, Precision()) == (FLOAT, inq, inq, FLOAT, ANA)
    kept = Precision(weights="float")
    assert lane_modes(mixed, PLAN, kept) == (FLOAT, FLOAT, FLOAT, FLOAT, ANA)


def test_segments_cover_every_weight_of_every_lane_once() -> None:
    whole, split = (ANA, ANA, ANA, FLOAT, FLOAT), (ANA, FLOAT, ANA, FLOAT, FLOAT)
    # Lanes that differ in activations alone share one call for their weights.
    lanes = [whole, (*whole[:3], ANA, ANA), split]
    segments = weight_segments(lanes, PLAN)
    assert [(s.rows, s.columns, s.sites, s.mode) for s in segments] == [
        (slice(0, 2), slice(0, 28), slice(0, 3), ANA),
        (slice(2, 3), slice(0, 10), slice(0, 1), ANA),
        (slice(2, 3), slice(10, 16), slice(1, 2), FLOAT),
        (slice(2, 3), slice(16, 28), slice(2, 3), ANA),
    ]
