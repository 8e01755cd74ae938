"""Atlas of schedules: heat maps of what every quantizer does over depth and time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from qsched.report.material import Shown
from qsched.report.sheets import POINTS, SHEETS, Sheet
from qsched.report.style import COLORS, GRID, LABELS, SHORT_LABELS, axis, layout
from qsched.schedules import Place, Role, Schedule, depths
from qsched.study.verdict import Contender

__all__ = ["atlas"]

ROLES: tuple[Role, ...] = ("weights", "activations")

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
        Figures by key: ``atlas-forward``, ``atlas-backward``, ``atlas-frozen``. The heat map of a
        panel is named ``contender, role``; its ``z`` has shape [layers, 101], None where a layer's
        method has no such control; ``x`` is progress in percent.
    """
    schedules: dict[Contender, Schedule] = {
        c: s.schedule for c, s in shown.items() if c != "full precision"
    }
    figures = {}
    for key, sheet in SHEETS.items():
        tables = {
            role: {c: _table(s, role, sheet, layers) for c, s in schedules.items()}
            for role in ROLES
        }
        used = {role: t for role, t in tables.items() if any(_used(z) for z in t.values())}
        if used:
            figures[key] = _figure(sheet, used)
    return figures


def _table(schedule: Schedule, role: Role, sheet: Sheet, layers: int) -> np.ndarray:
    places = [Place(role, depth) for depth in depths(layers)]
    values: np.ndarray = schedule.at(np.linspace(0, 1, POINTS), places)[..., sheet.control].T
    has = [isinstance(schedule.method(place), sheet.kind) for place in places]
    return np.where(np.array(has)[:, None], values, np.nan)


def _used(values: np.ndarray) -> bool:
    return bool(np.nansum(values) > 0)


def _figure(sheet: Sheet, tables: Mapping[Role, Tables]) -> go.Figure:
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
            height=135 * len(rows) + 116,
            head=28,
            foot=88,
        ),
        coloraxis=_colors(sheet, tables),
    )
    figure.update_annotations(font_size=12)
    _label_axes(figure, list(rows), len(contenders))
    return figure


def _colors(sheet: Sheet, tables: Mapping[Role, Tables]) -> dict[str, object]:
    """Return the color scale of all panels, with its bar along the foot of the figure."""
    top = sheet.top or max(
        float(np.nanmax(z, initial=0.0)) for table in tables.values() for z in table.values()
    )
    return {
        "colorscale": sheet.colorscale,
        "cmin": 0,
        "cmax": top,
        "colorbar": {
            "orientation": "h",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "ypad": 6,
            "thickness": 10,
            "len": 0.8,
            "outlinewidth": 0,
            "tickvals": [0, top / 2, top],
            "ticktext": ["0", f"{top / 2:.2g}", f"{top:.2g}{sheet.unit}"],
        },
    }


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
    "x": POINTS // 2,
    "yref": "y domain",
    "y": 0.5,
    "showarrow": False,
}


def _panel(name: str, values: np.ndarray) -> go.Heatmap:
    layers = values.shape[0]
    return go.Heatmap(
        name=name,
        z=[[None if np.isnan(v) else round(v, 6) for v in row] for row in values.tolist()],
        x=list(range(POINTS)),
        y=list(range(1, layers + 1)),
        coloraxis="coloraxis",
        ygap=1,
        hovertemplate="layer %{y}, %{x} % of training: %{z:.3f}<extra></extra>",
    )


def _label_axes(figure: go.Figure, names: list[str], columns: int) -> None:
    # A panel's 100 would run into the 0 of the next one; the last panel has room for it.
    layers = len(figure.data[0].y)
    frame = {"showgrid": False, "showline": True, "mirror": True, "linecolor": GRID}
    figure.update_xaxes(axis("", tickvals=[0, 50], range=[-0.5, POINTS - 0.5], **frame))
    figure.update_xaxes(col=columns, tickvals=[0, 50, 100])
    figure.update_yaxes(axis("", showticklabels=False, range=[0.5, layers + 0.5], **frame))
    figure.update_xaxes(row=len(names), col=(columns + 1) // 2, title_text="training (%)")
    for i, name in enumerate(names):
        figure.update_yaxes(
            row=i + 1,
            col=1,
            title_text=name,
            showticklabels=True,
            tickvals=[1, layers],
            ticktext=["input", "output"],
        )


def _finding(sheet: Sheet, tables: Mapping[Role, Tables]) -> str:
    """Say in words how the schedules differ, over all layers and roles."""
    contenders = next(iter(tables.values()))
    told = []
    for contender in contenders:
        values = np.concatenate([table[contender] for table in tables.values()])
        words = sheet.tell(values) if _used(values) else "none"
        told.append(f"{LABELS[contender]}: {words}")
    text = "; ".join(told)
    return text[0].upper() + text[1:]
