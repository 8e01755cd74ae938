"""What a study carries in the Optuna dashboard: figures, a note, schedule files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import plotly.graph_objects as go
from optuna.exceptions import ExperimentalWarning
from optuna_dashboard import get_note, save_note, save_plotly_graph_object

from qsched.report.artifacts import save_artifacts
from qsched.report.material import Material
from qsched.report.note import HEADING, note
from qsched.report.style import heading
from qsched.storage import Storage

__all__ = ["OBJECTIVE", "save_to_dashboard", "thin"]

OBJECTIVE = "mean validation accuracy"

_POINTS = 51
_WIDTH, _HEIGHT = 520, 450
"""Of a card in the dashboard, which cuts off what is larger, in pixels."""


def save_to_dashboard(
    storage: Storage,
    material: Material,
    figures: Mapping[str, go.Figure],
    artifacts: Path | None = None,
) -> None:
    """Save what the dashboard shows of a study to the Optuna study of the same name.

    That is figures, the verdict with the command that repeats it as a note, the name of the
    objective, and the schedules of the verdict as artifacts. Saving again replaces them, but for a
    note that somebody has written instead. The
    dashboard keeps a figure as database rows of 2 kB each, so figures are thinned first
    (:func:`thin`).

    Args:
        storage: the study database.
        material: the study, as :func:`~qsched.report.gather` reads it.
        figures: its figures, as :func:`~qsched.report.draw` draws them.
        artifacts: the folder of the dashboard's artifacts; None saves no artifacts.
    """
    name = material.row.name
    study = optuna.load_study(study_name=name, storage=storage.optuna)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([OBJECTIVE])
    for key, figure in figures.items():
        save_plotly_graph_object(study, thin(figure), graph_object_id=key)
    text, before = note(material), get_note(study)
    if before != text and (not before or before.startswith(HEADING)):
        save_note(study, text)
    if artifacts is not None:
        save_artifacts(storage, name, artifacts)


def thin(figure: go.Figure) -> go.Figure:
    """Return a smaller copy: at most 51 columns a heat map and 51 points a line, numbers rounded.

    Its size and its title are those of a card in the dashboard.
    First and last columns and points stay. Markers all stay; where there are more than 51 in a
    trace, they lose their hover texts.
    """
    data = [_thin(trace.to_plotly_json()) for trace in figure.data]
    small = go.Figure(data=data, layout=figure.layout)
    meta = figure.layout.meta
    title, above = heading(meta["title"], meta["subtitle"], _WIDTH)
    top = figure.layout.margin.t - meta["above"] + above
    return small.update_layout(title=title, height=_HEIGHT, margin_t=top)


def _thin(trace: dict[str, Any]) -> dict[str, Any]:
    if trace["type"] == "heatmap":
        keep = _kept(len(trace["x"]))
        z = [_rounded([row[k] for k in keep]) for row in trace["z"]]
        return {**trace, "x": [trace["x"][k] for k in keep], "z": z}
    if trace["type"] != "scatter" or len(trace["x"]) <= _POINTS:
        return trace
    if trace["mode"] == "lines":
        keep = _kept(len(trace["x"]))
        short = {axis: _rounded([trace[axis][k] for k in keep]) for axis in "xy"}
        return {**trace, **short}
    bare = {k: v for k, v in trace.items() if k not in ("text", "hovertemplate")}
    return {**bare, "y": _rounded(trace["y"])}


def _kept(count: int) -> list[int]:
    if count <= _POINTS:
        return list(range(count))
    kept: list[int] = np.linspace(0, count - 1, _POINTS).round().astype(int).tolist()
    return kept


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 3) for value in values]
