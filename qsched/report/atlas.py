"""Atlas of schedules: heat maps of what every quantizer does over depth and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from qsched.report.material import Shown
from qsched.report.style import COLORS, LABELS, SHORT_LABELS, axis, layout, percent
from qsched.schedules import (
    BACKWARD_STD,
    FORWARD_STD,
    FROZEN,
    Ana,
    Inq,
    Place,
    Role,
    Schedule,
    depths,
)
from qsched.study.verdict import Contender

__all__ = ["ATLAS_KEYS", "atlas"]

ROLES: tuple[Role, ...] = ("weights", "activations")
_POINTS = 101
_CLOSE = 1e-9


@dataclass(frozen=True)
class _Sheet:
    """One control of the atlas: which column of ``Schedule.at``, and how it is told and drawn.

    Attributes:
        control: the column.
        kind: of the method that uses it.
        heading: what it is.
        measure: what the colors measure.
        suffix: its unit, as the color scale's labels have it.
        colorscale: dark is quantized on every sheet: no noise left, or frozen.
        top: end of the color scale; None is the largest value.
    """

    control: int
    kind: type[Ana | Inq]
    heading: str
    measure: str
    suffix: str
    colorscale: str
    top: float | None


_NOISE = "standard deviation in quanta"
_SHEETS = {
    "atlas-forward": _Sheet(FORWARD_STD, Ana, "Forward noise", _NOISE, " quanta", "Viridis", None),
    "atlas-backward": _Sheet(
        BACKWARD_STD, Ana, "Backward noise", _NOISE, " quanta", "Viridis", None
    ),
    "atlas-frozen": _Sheet(FROZEN, Inq, "Frozen weights", "fraction", "", "Viridis_r", 1.0),
}
ATLAS_KEYS = tuple(_SHEETS)

Tables = Mapping[Contender, np.ndarray]
"""Of each schedule, one control over [layer, time]; NaN where the layer's method has none."""


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
        ``contender, role``; its ``z`` has shape [layers, 101], None where a layer's method has no
        such control; ``x`` is progress in percent.
    """
    schedules: dict[Contender, Schedule] = {
        c: s.schedule for c, s in shown.items() if c != "full precision"
    }
    figures = {}
    for key, sheet in _SHEETS.items():
        tables = {
            role: {c: _table(s, role, sheet, layers) for c, s in schedules.items()}
            for role in ROLES
        }
        used = {role: t for role, t in tables.items() if any(_used(z) for z in t.values())}
        if used:
            figures[key] = _figure(sheet, used)
    return figures


def _table(schedule: Schedule, role: Role, sheet: _Sheet, layers: int) -> np.ndarray:
    places = [Place(role, depth) for depth in depths(layers)]
    values: np.ndarray = schedule.at(np.linspace(0, 1, _POINTS), places)[..., sheet.control].T
    has = [isinstance(schedule.method(place), sheet.kind) for place in places]
    return np.where(np.array(has)[:, None], values, np.nan)


def _used(values: np.ndarray) -> bool:
    return bool(np.nansum(values) > 0)


def _figure(sheet: _Sheet, tables: Mapping[Role, Tables]) -> go.Figure:
    rows = _rows(tables)
    contenders = list(next(iter(rows.values())))
    figure = make_subplots(
        rows=len(rows),
        cols=len(contenders),
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.12,
        column_titles=[
            f'<span style="color:{COLORS[c]}">\N{BLACK CIRCLE}</span> {SHORT_LABELS[c]}'
            for c in contenders
        ],
    )
    top = sheet.top or max(
        float(np.nanmax(z, initial=0.0)) for t in tables.values() for z in t.values()
    )
    for i, (role, table) in enumerate(rows.items()):
        for j, (contender, values) in enumerate(table.items()):
            panel = _panel(f"{contender}, {role}", values)
            figure.add_trace(panel, row=i + 1, col=j + 1)
            if np.isnan(values).all():
                figure.add_annotation(row=i + 1, col=j + 1, **_NOT_USED)
    figure.update_layout(
        layout(
            f"{sheet.heading}. {_finding(sheet, tables)}",
            "Every panel: layers from the input (bottom) to the output (top), over training. "
            f"Color: {sheet.measure}; dark is quantized.",
            height=150 * len(rows) + 100,
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
                "ypad": 46,
                "thickness": 10,
                "len": 0.6,
                "outlinewidth": 0,
                "nticks": 5,
                "ticksuffix": sheet.suffix,
                "showticksuffix": "last",
            },
        },
    )
    figure.update_annotations(font_size=12)
    _label_axes(figure, list(rows), len(contenders))
    return figure


def _rows(tables: Mapping[Role, Tables]) -> dict[str, Tables]:
    """Return the rows of panels by name; roles treated alike in all schedules are one row."""
    weights, activations = (tables.get(role) for role in ROLES)
    if (
        weights
        and activations
        and all(np.array_equal(weights[c], activations[c], equal_nan=True) for c in weights)
    ):
        return {"weights and activations": weights}
    return {role: tables[role] for role in ROLES if role in tables}


_NOT_USED = {
    "text": "not used",
    "x": _POINTS // 2,
    "yref": "y domain",
    "y": 0.5,
    "showarrow": False,
}


def _panel(name: str, values: np.ndarray) -> go.Heatmap:
    layers = values.shape[0]
    return go.Heatmap(
        name=name,
        z=[[None if np.isnan(v) else round(v, 6) for v in row] for row in values.tolist()],
        x=list(range(_POINTS)),
        y=list(range(1, layers + 1)),
        coloraxis="coloraxis",
        ygap=1,
        hovertemplate="layer %{y}, %{x} % of training: %{z:.3f}<extra></extra>",
    )


def _label_axes(figure: go.Figure, names: list[str], columns: int) -> None:
    # A panel's 100 would run into the 0 of the next one; the last panel has room for it.
    figure.update_xaxes(axis("", tickvals=[0, 50], showgrid=False))
    figure.update_xaxes(col=columns, tickvals=[0, 50, 100])
    figure.update_yaxes(axis("", showgrid=False, showticklabels=False))
    figure.update_xaxes(row=len(names), col=(columns + 1) // 2, title_text="training (%)")
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
        words = _TELL[sheet.control](values) if _used(values) else "none"
        told.append(f"{LABELS[contender]}: {words}")
    text = "; ".join(told)
    return text[0].upper() + text[1:]


def _tell_forward(values: np.ndarray) -> str:
    noisy = np.flatnonzero(np.nanmax(values, axis=0) > _CLOSE)
    gone = percent(min(noisy[-1] + 1, _POINTS - 1) / (_POINTS - 1), 0)
    return f"{np.nanmax(values):.2g} quanta, gone after {gone} of training"


def _tell_backward(values: np.ndarray) -> str:
    start, end = float(np.nanmax(values)), float(np.nanmax(values[:, -1]))
    if end <= _CLOSE:
        return f"{start:.2g} quanta, fading to 0"
    if start - end <= _CLOSE:
        return f"{end:.2g} quanta throughout"
    return f"{start:.2g} quanta, fading to {end:.2g}"


def _tell_frozen(values: np.ndarray) -> str:
    half = np.argmax(np.nanmean(values, axis=0) >= 0.5 - _CLOSE)
    return f"half of them after {percent(half / (_POINTS - 1), 0)} of training"


_TELL = {FORWARD_STD: _tell_forward, BACKWARD_STD: _tell_backward, FROZEN: _tell_frozen}
