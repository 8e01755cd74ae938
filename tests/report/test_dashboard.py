"""Figures and verdict in the Optuna dashboard's own records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import optuna
import plotly.graph_objects as go
import pytest
from optuna.artifacts import download_artifact, get_all_artifact_meta
from optuna_dashboard import get_note

from qsched.files import Document
from qsched.report import draw, gather, save_to_dashboard
from qsched.report.artifacts import artifact_store
from qsched.report.dashboard import OBJECTIVE, thin
from qsched.report.style import layout
from qsched.schedules.file import load_schedule
from qsched.specs import StudySpec
from qsched.storage import Storage
from tests.report import fabricate

NAME = "digits-ana"
PREFIX = "dashboard:plot_data:"


@pytest.fixture(scope="module")
def saved() -> Iterator[tuple[Storage, dict[str, go.Figure]]]:
    with closing(Storage.open("sqlite://")) as storage:
        study = fabricate.spec(candidates=24)
        fabricate.confirm(storage, study, fabricate.search(storage, study))
        material = gather(storage, NAME)
        drawn = draw(material)
        save_to_dashboard(storage, material, drawn)
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


def test_the_note_is_a_table_and_says_how_to_repeat_the_study(
    saved: tuple[Storage, dict[str, go.Figure]],
) -> None:
    text = get_note(optuna.load_study(study_name=NAME, storage=saved[0].optuna))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 4
    assert {row.count(" | ") for row in rows} == {6}
    again = text.partition("```yaml\n")[2].partition("```")[0]
    assert "qsched run digits-ana.yaml" in text
    assert Document.of(again).to(StudySpec) == saved[0].study(NAME).spec


def test_the_objective_has_a_name(saved: tuple[Storage, dict[str, go.Figure]]) -> None:
    study = optuna.load_study(study_name=NAME, storage=saved[0].optuna)
    assert study.metric_names == [OBJECTIVE]


def test_schedules_of_the_verdict_are_artifacts_once(
    saved: tuple[Storage, dict[str, go.Figure]], tmp_path: Path
) -> None:
    storage, drawn = saved
    save_to_dashboard(storage, gather(storage, NAME), drawn, tmp_path / "artifacts")
    save_to_dashboard(storage, gather(storage, NAME), drawn, tmp_path / "artifacts")
    study = optuna.load_study(study_name=NAME, storage=storage.optuna)
    metas = get_all_artifact_meta(study)
    verdict = storage.study(NAME).verdict
    assert verdict is not None
    assert {meta.filename for meta in metas} == {
        f"{arm['contender']}-{arm['arm']}.yaml" for arm in verdict["arms"][:3]
    }
    assert len(list((tmp_path / "artifacts").iterdir())) == len(metas) == 3
    for meta in metas:
        copy = tmp_path / meta.filename
        download_artifact(
            artifact_store=artifact_store(tmp_path / "artifacts"),
            file_path=str(copy),
            artifact_id=meta.artifact_id,
        )
        arm = next(a for a in verdict["arms"] if meta.filename.endswith(f"{a['arm']}.yaml"))
        assert load_schedule(copy).schedule.model_dump(mode="json") == arm["schedule"]


def test_saving_again_replaces(saved: tuple[Storage, dict[str, go.Figure]]) -> None:
    storage, drawn = saved
    before = records(storage)
    save_to_dashboard(storage, gather(storage, NAME), drawn)
    assert records(storage) == before


def test_an_unfinished_study_gets_a_note_that_says_so(empty: Storage) -> None:
    fabricate.search(empty, fabricate.spec(candidates=2))
    save_to_dashboard(empty, gather(empty, NAME), {})
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
