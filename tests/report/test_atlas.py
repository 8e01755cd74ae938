"""The atlas shows what the schedules do."""

from __future__ import annotations

import pytest

from qsched.report.atlas import atlas
from qsched.report.material import Shown
from qsched.schedules import (
    BACKWARD_STD,
    FORWARD_STD,
    Ana,
    Inq,
    LearningRate,
    Override,
    Place,
    Schedule,
    Window,
)
from tests.report import fabricate

LAGGING = fabricate.arms(1)[-1].schedule  # activations trail weights
CONTROLS = {"atlas-forward": FORWARD_STD, "atlas-backward": BACKWARD_STD}


def panels(figure: object) -> dict[str, object]:
    return {trace.name: trace for trace in figure.data}  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", CONTROLS)
@pytest.mark.parametrize("role", ["weights", "activations"])
def test_cells_are_the_schedules_values(key: str, role: str) -> None:
    shown = {"found": Shown("a", LAGGING), "hand-coded": Shown("b", fabricate.tied())}
    drawn = panels(atlas(shown, layers=5)[key])
    for contender, each in shown.items():
        panel = drawn[f"{contender}, {role}"]
        for layer in range(5):
            for column in (0, 1, 37, 99, 100):
                place = Place(role, layer / 4)
                value = each.schedule.at(column / 100, [place])[0, CONTROLS[key]]
                assert panel.x[column] == column
                assert panel.z[layer][column] == pytest.approx(value, abs=1e-6)


def test_frozen_fractions_of_inq() -> None:
    figures = atlas({"found": Shown("a", fabricate.stepped())})
    assert list(figures) == ["atlas-frozen"]
    z = panels(figures["atlas-frozen"])["found, weights"].z
    assert len(z) == 9
    # Four stages of equal length between 10 % and 80 % of training.
    assert [z[0][column] for column in (0, 27, 28, 44, 46, 63, 79, 80, 100)] == pytest.approx(
        [0, 0, 0.5, 0.5, 0.75, 0.875, 0.875, 1, 1]
    )
    assert figures["atlas-frozen"].layout.coloraxis.cmax == 1


def test_the_color_scale_is_common_and_spans_all_schedules() -> None:
    weak, strong = (Ana(forward_std=s, backward_std=s) for s in (0.2, 0.7))
    rate = LearningRate(initial=0.01)
    figure = atlas(
        {
            "found": Shown("a", Schedule(weights=weak, learning_rate=rate)),
            "static": Shown("b", Schedule(weights=strong, learning_rate=rate)),
        }
    )["atlas-forward"]
    assert {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 0.7)


def test_the_input_is_at_the_bottom() -> None:
    figure = atlas({"found": Shown("a", fabricate.tied())})["atlas-forward"]
    panel = figure.data[0]
    assert panel.y[0] == 1
    assert figure.layout.yaxis.range[0] < figure.layout.yaxis.range[1]
    # Lower layers first: in the middle of training the input side has less noise left.
    assert panel.z[0][40] < panel.z[8][40]


def test_roles_treated_alike_share_a_row() -> None:
    alike = atlas({"found": Shown("a", fabricate.tied())})["atlas-forward"]
    apart = atlas({"found": Shown("a", LAGGING)})["atlas-forward"]
    assert [trace.name for trace in alike.data] == ["found, weights and activations"]
    assert [trace.name for trace in apart.data] == ["found, weights", "found, activations"]


def test_a_control_that_a_method_lacks_is_left_empty() -> None:
    noise = Ana(forward_std=0.0, backward_std=0.4, backward_floor=1.0)
    mixed = Schedule(
        weights=Inq(),
        activations=noise,
        learning_rate=fabricate.RATE,
        overrides=(Override(depth=(0.0, 0.0), exclude=True),),
    )
    shown = {"found": Shown("a", mixed), "static": Shown("b", fabricate.static(0.82))}
    drawn = panels(atlas(shown)["atlas-backward"])
    assert {value for row in drawn["found, weights"].z for value in row} == {None}
    assert set(drawn["found, activations"].z[0]) == {None}
    assert set(drawn["found, activations"].z[1]) == {0.4}


def test_full_precision_and_unused_controls_are_not_drawn() -> None:
    nothing = Shown("full-precision", Schedule(learning_rate=fabricate.RATE))
    assert atlas({"full precision": nothing}) == {}
    assert "atlas-forward" not in atlas({"static": Shown("b", fabricate.static(0.4))})


@pytest.mark.parametrize(
    ("schedule", "key", "words"),
    [
        (fabricate.tied(), "atlas-forward", "0.29 quanta, gone after 90 % of training"),
        (fabricate.tied(), "atlas-backward", "0.29 quanta, fading to 0"),
        (fabricate.overlapped(), "atlas-backward", "0.58 quanta throughout"),
        (fabricate.stepped(), "atlas-frozen", "half of them after 28 % of training"),
        (
            Schedule(
                window=Window(end=0.5),
                weights=Ana(forward_std=0.1, backward_std=1.0, backward_floor=0.4),
                learning_rate=fabricate.RATE,
            ),
            "atlas-backward",
            "1 quanta, fading to 0.4",
        ),
    ],
)
def test_the_title_says_what_the_schedule_does(schedule: Schedule, key: str, words: str) -> None:
    title = atlas({"found": Shown("a", schedule)})[key].layout.meta["title"]
    assert title.replace("\xa0", " ").endswith(f"Found: {words}")
