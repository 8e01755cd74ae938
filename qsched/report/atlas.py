"""Atlas of schedules: heat maps of what every quantizer does over depth and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from qsched.report.material import Shown
from qsched.report.style import COLORS, LABELS, SHORT_LABELS, axis, layout, plain
from qsched.schedules import BACKWARD_STD, FORWARD_STD, FROZEN, Place, Role, Schedule, depths
from qsched.study.verdict import Contender

__all__ = ["ATLAS_KEYS", "atlas"]

ROLES: tuple[Role, ...] = ("weights", "activations")
_POINTS = 101
_CLOSE = 1e-9


@dataclass(frozen=True)
class _Sheet:
    """One control of the atlas: which column of ``Schedule.at``, and how it is told and drawn."""

    control: int
    heading: str
    unit: str
    colorscale: str
    top: float | None


# Dark is quantized on every sheet: no noise left, or frozen.
_SHEETS = {
    "atlas-forward": _Sheet(
        FORWARD_STD, "Forward noise", "standard deviation (quanta)", "Cividis", None
    ),
    "atlas-backward": _Sheet(
        BACKWARD_STD, "Backward noise", "standard deviation (quanta)", "Cividis", None
    ),
    "atlas-frozen": _Sheet(FROZEN, "Frozen weights", "fraction", "Cividis_r", 1.0),
}
ATLAS_KEYS = tuple(_SHEETS)

Tables = Mapping[Contender, np.ndarray]
"""Of each schedule, one control over [layer, time]."""


def atlas(shown: Mapping[Contender, Shown], layers: int = 9) -> dict[str, go.Figure]:
    """Draw one figure a control: a panel for every schedule and role, on one color scale.

    A control that is 0 in all schedules has no figure. Where weights and activations are treated
    alike in every schedule, they share one row of panels. Full precision is not drawn.

    Args:
        shown: the schedules.
        layers: rows of a heat map: quantized layers of equal spacing in relative depth, the input
            at the bottom.

    Returns:
        Figures by key, of :data:`ATLAS_KEYS`. The heat map of a panel is named
        ``contender, role``; its ``z`` has shape [layers, 101], ``x`` is progress in percent.
    """
    schedules: dict[Contender, Schedule] = {
        c: s.schedule for c, s in shown.items() if c != "full precision"
    }
    figures = {}
    for key, sheet in _SHEETS.items():
        tables = {
            role: {c: _table(s, role, sheet.control, layers) for c, s in schedules.items()}
            for role in ROLES
        }
        used = {role: t for role, t in tables.items() if any(z.any() for z in t.values())}
        if used:
            figures[key] = _figure(sheet, used)
    return figures


def _table(schedule: Schedule, role: Role, control: int, layers: int) -> np.ndarray:
    places = [Place(role, depth) for depth in depths(layers)]
    values: np.ndarray = schedule.at(np.linspace(0, 1, _POINTS), places)[..., control]
    return values.T


def _figure(sheet: _Sheet, tables: Mapping[Role, Tables]) -> go.Figure:
    rows = _rows(tables)
    contenders = list(next(iter(rows.values())))
    figure = make_subplots(
        rows=len(rows),
        cols=len(contenders),
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.12,
        column_titles=[
            f'<span style="color:{COLORS[c]}"><b>{SHORT_LABELS[c]}</b></span>' for c in contenders
        ],
    )
    top = sheet.top or max(float(z.max()) for t in tables.values() for z in t.values())
    for i, (role, table) in enumerate(rows.items()):
        for j, (contender, values) in enumerate(table.items()):
            panel = _panel(f"{contender}, {role}", values)
            figure.add_trace(panel, row=i + 1, col=j + 1)
    figure.update_layout(
        layout(
            f"{sheet.heading}: {_finding(sheet, tables)}",
            "Every panel: layers from the input (bottom) to the output (top), over training. "
            f"Color: {sheet.unit}; dark is quantized.",
            height=170 * len(rows) + 130,
            head=28,
        ),
        coloraxis={
            "colorscale": sheet.colorscale,
            "cmin": 0,
            "cmax": top,
            "colorbar": {
                "orientation": "h",
                "y": 0,
                "yanchor": "top",
                "ypad": 44,
                "thickness": 10,
                "len": 0.6,
                "outlinewidth": 0,
                "title": {"text": plain(sheet.unit), "side": "bottom"},
            },
        },
    )
    _label_axes(figure, list(rows), len(contenders))
    return figure


def _rows(tables: Mapping[Role, Tables]) -> dict[str, Tables]:
    """Return the rows of panels by name; roles treated alike in all schedules are one row."""
    weights, activations = (tables.get(role) for role in ROLES)
    if (
        weights
        and activations
        and all(np.array_equal(weights[c], activations[c]) for c in weights)
    ):
        return {"weights and activations": weights}
    return {role: tables[role] for role in ROLES if role in tables}


def _panel(name: str, values: np.ndarray) -> go.Heatmap:
    layers = values.shape[0]
    return go.Heatmap(
        name=name,
        z=values.round(6).tolist(),
        x=list(range(_POINTS)),
        y=list(range(1, layers + 1)),
        coloraxis="coloraxis",
        ygap=1,
        hovertemplate="layer %{y}, %{x} % of training: %{z:.3f}<extra></extra>",
    )


def _label_axes(figure: go.Figure, names: list[str], columns: int) -> None:
    figure.update_xaxes(
        axis("", tickvals=[0, 50, 100], ticktext=["0", "50", "100 %"], showgrid=False)
    )
    figure.update_yaxes(axis("", showgrid=False, showticklabels=False))
    figure.update_xaxes(row=len(names), col=(columns + 1) // 2, title_text="training")
    layers = len(figure.data[0].y)
    for i, name in enumerate(names):
        figure.update_yaxes(
            row=i + 1,
            col=1,
            title_text=name,
            showticklabels=True,
            tickvals=[1, layers],
            ticktext=["input", "output"],
        )


def _finding(sheet: _Sheet, tables: Mapping[Role, Tables]) -> str:
    """Say in words how the schedules differ, over all layers and roles."""
    contenders = next(iter(tables.values()))
    told = []
    for contender in contenders:
        values = np.concatenate([table[contender] for table in tables.values()])
        told.append(f"{LABELS[contender]} {_TELL[sheet.control](values)}")
    return "; ".join(told)


def _tell_forward(values: np.ndarray) -> str:
    if not values.any():
        return "none"
    noisy = np.flatnonzero(values.max(axis=0) > _CLOSE)
    return f"gone by {min(noisy[-1] + 1, _POINTS - 1)} % of training"


def _tell_backward(values: np.ndarray) -> str:
    start, end = float(values[:, 0].max()), float(values[:, -1].max())
    if end <= _CLOSE:
        return f"from {start:.2g} quanta to 0"
    return (
        f"{start:.2g} quanta, {end / start:.0%} of it left at the end"
        if start > end
        else (f"constant at {end:.2g} quanta")
    )


def _tell_frozen(values: np.ndarray) -> str:
    half = np.argmax(values.mean(axis=0) >= 0.5 - _CLOSE)
    return f"half frozen at {half} % of training"


_TELL = {FORWARD_STD: _tell_forward, BACKWARD_STD: _tell_backward, FROZEN: _tell_frozen}
