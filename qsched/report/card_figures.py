"""Pictures of the card: schedules over training, effects by task, importance, dependence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from qsched.learning.analysis.effects import Effect
from qsched.learning.analysis.importance import Importance
from qsched.report.style import COLORS, INK, axis, layout, plain, shade, signed
from qsched.schedules import BACKWARD_STD, FORWARD_STD, FROZEN, Place, Schedule
from qsched.specs.heuristics import Ablation, LearnedRule

__all__ = ["dependence", "effect_by_task", "ranking", "schedules", "waterfall"]

_ROW = 20
_GOOD, _BAD = COLORS["found"], COLORS["hand-coded"]


def effect_by_task(rule: LearnedRule, gains: Mapping[str, float]) -> go.Figure:
    """Draw what a rule gains on every task, in points, sorted; traces ``helps``, ``fails``."""
    ordered = sorted(gains, key=lambda task: gains[task])
    figure = go.Figure()
    for name, color, tasks in (
        ("fails", _BAD, [t for t in ordered if gains[t] < 0]),
        ("helps", _GOOD, [t for t in ordered if gains[t] >= 0]),
    ):
        figure.add_trace(
            go.Bar(
                name=name,
                orientation="h",
                x=[100 * gains[task] for task in tasks],
                y=list(map(plain, tasks)),
                marker={"color": shade(color, 0.75)},
                hovertemplate="%{y}: %{x:+.2f} points<extra></extra>",
            )
        )
    low, high = rule.interval
    figure.add_vrect(x0=100 * low, x1=100 * high, fillcolor=shade(INK, 0.2), line_width=0)
    figure.add_vline(x=100 * rule.effect, line={"color": INK, "dash": "dot"})
    figure.update_layout(
        layout(
            f"{signed(rule.effect)} points on average, {len(rule.failed)} of {rule.tasks} "
            "tasks lose by it",
            f"Effect of this rule alone, {rule.basis}; the band is the 95 % interval of the mean.",
            height=_ROW * len(ordered) + 80,
        ),
        xaxis=axis("accuracy gained (points)"),
        yaxis=axis(
            "", showgrid=False, categoryorder="array", categoryarray=list(map(plain, ordered))
        ),
        showlegend=False,
        bargap=0.3,
    )
    return figure


def waterfall(found: Ablation, algorithm: str) -> go.Figure:
    """Draw what every part gains on the way from hand-coded schedules to the learned default.

    One trace, ``steps``, whose bars are the effects in points; the last one is their sum.
    """
    most = max(found.steps, key=lambda step: step.effect)
    gains = [*(100 * step.effect for step in found.steps), 100 * found.gain]
    bounds = [*(step.interval for step in found.steps), found.interval]
    ends = np.append(np.cumsum(gains[:-1]), gains[-1])
    names = [*(step.part for step in found.steps), "all"]
    # Beside a bar, its number would lie under a whisker.
    labels = [
        f"{gain:+z.1f}<br>{plain(name).replace(' ', '<br>')}"
        for name, gain in zip(names, gains, strict=True)
    ]
    figure = go.Figure(
        go.Waterfall(
            name="steps",
            x=labels,
            y=gains,
            measure=["relative"] * len(found.steps) + ["total"],
            increasing={"marker": {"color": shade(_GOOD, 0.6)}},
            decreasing={"marker": {"color": shade(_BAD, 0.6)}},
            totals={"marker": {"color": _GOOD}},
            connector={"line": {"color": INK, "width": 1}},
            hovertemplate="%{x} points<extra></extra>",
        )
    )
    figure.add_trace(_whiskers(labels, ends, gains, bounds))
    figure.update_layout(
        layout(
            f"{algorithm.upper()}: most of the way from hand-coded to learned is {most.part}",
            f"Mean over {found.tasks} deep tasks of what each part gains when it is exchanged, "
            "every step trained; whiskers: 95 % over tasks and seeds.",
            height=300,
            head=24,
        ),
        yaxis=axis("accuracy gained (points)"),
        xaxis=axis("", showgrid=False, tickangle=0),
        showlegend=False,
    )
    return figure


def ranking(found: Sequence[Importance], algorithm: str) -> go.Figure:
    """Draw importance on the design beside importance among the best; traces named so."""
    shown = list(reversed(found[:10]))
    names = [plain(each.parameter) for each in shown]
    figure = go.Figure()
    for name, color, values, bounds in (
        ("among the best tenth", _BAD, [e.best for e in shown], [e.best_interval for e in shown]),
        ("whole design", _GOOD, [e.design for e in shown], [e.design_interval for e in shown]),
    ):
        figure.add_trace(
            go.Bar(
                name=name,
                orientation="h",
                x=[100 * value for value in values],
                y=names,
                marker={"color": shade(color, 0.7)},
                error_x={
                    "array": [100 * max(b[1] - v, 0) for v, b in zip(values, bounds, strict=True)],
                    "arrayminus": [
                        100 * max(v - b[0], 0) for v, b in zip(values, bounds, strict=True)
                    ],
                    "color": INK,
                    "thickness": 1,
                    "width": 2,
                },
                hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
            )
        )
    figure.update_layout(
        layout(
            f"{algorithm.upper()}: {found[0].parameter} explains most of how schedules differ",
            "Shares of importance, means over tasks: variance explained over the whole design "
            "(fANOVA), and what tells the best tenth apart (PED-ANOVA). Bars: 90 % over tasks.",
            height=38 * len(shown) + 90,
            head=30,
        ),
        xaxis=axis("importance (%)", rangemode="tozero"),
        yaxis=axis("", showgrid=False),
        barmode="group",
        bargap=0.3,
        legend={"traceorder": "reversed"},
    )
    return figure


def dependence(effects: Sequence[Effect], algorithm: str) -> go.Figure:
    """Draw what each parameter does on average, with a band over tasks and a line a task."""
    columns = 3
    rows = -(-len(effects) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[plain(each.parameter) for each in effects],
        vertical_spacing=0.32 / rows,
        horizontal_spacing=0.08,
    )
    for i, each in enumerate(effects):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        x = [plain(v) if isinstance(v, str) else v for v in each.values]
        for row in each.by_task:
            figure.add_trace(_line(x, 100 * row, shade(INK, 0.25), 1), **place)
        figure.add_trace(_line(x, 100 * each.low, _GOOD, 0), **place)
        upper = _line(x, 100 * each.high, _GOOD, 0)
        figure.add_trace(upper.update(fill="tonexty", fillcolor=shade(_GOOD, 0.25)), **place)
        figure.add_trace(_line(x, 100 * each.mean, _GOOD, 2.5), **place)
        if each.log:
            figure.update_xaxes(type="log", **place)
    figure.update_layout(
        layout(
            f"{algorithm.upper()}: what each parameter does, all else as it comes",
            "Predicted accuracy against its mean, in points; a gray line a task, the band 90 % "
            "over tasks.",
            height=210 * rows + 60,
            head=24,
        ),
        showlegend=False,
    )
    figure.update_xaxes(gridcolor="rgba(0,0,0,0)", zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor="rgba(128,128,128,0.25)", zeroline=False, automargin=True)
    figure.update_annotations(font={"size": 13})
    return figure


def schedules(learned: Schedule, plain_one: Schedule, base: str, algorithm: str) -> go.Figure:
    """Draw controls of the learned default and of the plain schedule over training, by depth."""
    sheets = (
        [("frozen fraction of weights", FROZEN, "weights")]
        if algorithm == "inq"
        else [
            ("forward noise (quanta)", FORWARD_STD, "activations"),
            ("backward noise (quanta)", BACKWARD_STD, "activations"),
        ]
    )
    figure = make_subplots(rows=1, cols=len(sheets), subplot_titles=[s[0] for s in sheets])
    u = np.linspace(0, 1, 201)
    for column, (_, control, role) in enumerate(sheets, start=1):
        for depth, dash in ((0.0, "solid"), (0.5, "dash"), (1.0, "dot")):
            places = [Place("weights" if role == "weights" else "activations", depth)]
            for schedule, color, name in (
                (learned, _GOOD, "learned"),
                (plain_one, _BAD, base),
            ):
                figure.add_trace(
                    go.Scatter(
                        name=f"{plain(name)}, depth {depth:g}",
                        x=100 * u,
                        y=schedule.at(u, places)[:, 0, control],
                        line={"color": color, "dash": dash, "width": 2},
                        showlegend=column == 1,
                    ),
                    row=1,
                    col=column,
                )
    figure.update_layout(
        layout(
            f"{algorithm.upper()}: the learned default against {base}",
            "Solid: first layer; dashed: the middle; dotted: the last.",
            height=330,
            head=80,
        )
    )
    figure.update_xaxes(title={"text": "training (%)"}, zeroline=False, gridcolor="rgba(0,0,0,0)")
    figure.update_yaxes(gridcolor="rgba(128,128,128,0.25)", zeroline=False, rangemode="tozero")
    figure.update_annotations(font={"size": 13})
    figure.update_layout(legend={"font": {"size": 11}, "y": 1.16})
    return figure


def _whiskers(
    x: Sequence[str],
    y: np.ndarray,
    gains: Sequence[float],
    bounds: Sequence[tuple[float, float]],
) -> go.Scatter:
    """Return the intervals of gains, drawn where the bars of a waterfall end."""
    return go.Scatter(
        name="95 %",
        x=list(x),
        y=y,
        mode="markers",
        marker={"size": 1, "color": INK},
        error_y={
            "array": [100 * high - gain for (_, high), gain in zip(bounds, gains, strict=True)],
            "arrayminus": [gain - 100 * low for (low, _), gain in zip(bounds, gains, strict=True)],
            "color": INK,
            "thickness": 1,
            "width": 3,
        },
        hoverinfo="skip",
    )


def _line(x: Sequence[object], y: np.ndarray, color: str, width: float) -> go.Scatter:
    return go.Scatter(
        x=list(x), y=y, mode="lines", line={"color": color, "width": width}, hoverinfo="skip"
    )
