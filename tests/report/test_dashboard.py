"""Figures and verdict in the Optuna dashboard's own records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import optuna
import plotly.graph_objects as go
import pytest
from optuna_dashboard import get_note

from qsched.report import figures, save_to_dashboard
from qsched.report.dashboard import thin
from qsched.report.style import layout
from qsched.storage import Storage
from tests.report import fabricate

NAME = "digits-ana"
PREFIX = "dashboard:plot_data:"


@pytest.fixture(scope="module")
def saved() -> Iterator[tuple[Storage, dict[str, go.Figure]]]:
    with closing(Storage.open("sqlite://")) as storage:
        study = fabricate.spec(candidates=24)
        fabricate.confirm(storage, study, fabricate.search(storage, study))
        drawn = figures(storage, NAME)
        save_to_dashboard(storage, NAME, drawn)
        yield storage, drawn


def records(storage: Storage) -> dict[str, str]:
    """The dashboard's figures, joined from the pieces it keeps."""
    study_id = storage.optuna.get_study_id_from_name(NAME)
    pieces: dict[str, dict[int, str]] = {}
    for key, value in storage.optuna.get_study_system_attrs(study_id).items():
        if key.startswith(PREFIX):
            name, _, index = key.removeprefix(PREFIX).rpartition(":")
            pieces.setdefault(name, {})[int(index)] = value
    return {name: "".join(parts[i] for i in sorted(parts)) for name, parts in pieces.items()}


def test_figures_can_be_read_back(saved: tuple[Storage, dict[str, go.Figure]]) -> None:
    storage, drawn = saved
    kept = records(storage)
    assert set(kept) == set(drawn)
    for name, figure in drawn.items():
        again = go.Figure(json.loads(kept[name]))
        assert again.layout.meta["title"] == figure.layout.meta["title"]
        assert [t.name for t in again.data] == [t.name for t in figure.data]
        assert len(kept[name]) < 32_000


def test_the_note_says_the_verdict(saved: tuple[Storage, dict[str, go.Figure]]) -> None:
    storage, _ = saved
    verdict = storage.study(NAME).verdict
    assert verdict is not None
    study = optuna.load_study(study_name=NAME, storage=storage.optuna)
    assert verdict["sentence"] in get_note(study)


def test_saving_again_replaces(saved: tuple[Storage, dict[str, go.Figure]]) -> None:
    storage, drawn = saved
    before = records(storage)
    save_to_dashboard(storage, NAME, drawn)
    assert records(storage) == before


def test_an_unfinished_study_gets_a_note_that_says_so(empty: Storage) -> None:
    fabricate.search(empty, fabricate.spec(candidates=2))
    save_to_dashboard(empty, NAME, {})
    study = optuna.load_study(study_name=NAME, storage=empty.optuna)
    assert "No verdict yet" in get_note(study)


def test_thinning_keeps_ends_and_values(saved: tuple[Storage, dict[str, go.Figure]]) -> None:
    _, drawn = saved
    figure = drawn["atlas-forward"]
    for full, small in zip(figure.data, thin(figure).data, strict=True):
        assert (small.x[0], small.x[-1]) == (0, 100)
        assert len(small.x) == 51
        for column, x in enumerate(small.x):
            assert small.z[4][column] == pytest.approx(full.z[4][x], abs=6e-4)


def test_long_lines_are_thinned_and_markers_are_not() -> None:
    x, y = list(range(500)), [i / 7 for i in range(500)]
    figure = go.Figure(
        [
            go.Scatter(x=x, y=y, mode="lines"),
            go.Scatter(x=x, y=y, mode="markers", text=["name"] * 500),
            go.Bar(x=[1, 2], y=["a", "b"]),
        ],
        layout=layout("title", "subtitle", height=300),
    )
    line, markers, bars = thin(figure).data
    assert (len(line.x), line.x[0], line.x[-1]) == (51, 0, 499)
    assert line.y[-1] == pytest.approx(499 / 7, abs=5e-4)
    assert len(markers.y) == 500
    assert markers.text is None
    assert bars.x == (1, 2)


def test_titles_fit_a_card() -> None:
    title = "word " * 30
    small = thin(go.Figure(layout=layout(title, title, height=900)))
    assert small.layout.height == 450
    lines = small.layout.title.text.split("<br>")
    assert max(map(len, lines)) <= 54
    assert " ".join(lines) == title.strip()
    assert small.layout.margin.t > 21 * len(lines)
