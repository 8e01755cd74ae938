"""Learning curves: how fast each schedule gets how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from qsched.report.material import Material, Shown
from qsched.report.style import COLORS, DASHES, LABELS, axis, layout, percent, shade
from qsched.storage import RunRow
from qsched.study.statistics import interval
from qsched.study.verdict import Contender

__all__ = ["Curve", "curves", "mean_curve", "steps_to_reach"]


@dataclass(frozen=True)
class Curve:
    """Mean validation accuracy over the finished runs of one schedule, in [0, 1].

    ``low`` and ``high`` bound its confidence interval; with a single run they equal the mean.
    """

    steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    finished: int
    failed: int


def mean_curve(rows: Sequence[RunRow], level: float) -> Curve | None:
    """Average the learning curves of ``rows`` at the steps that all finished runs have.

    Returns:
        The curve; None where no run finished or where they have no step in common.
    """
    points = [
        {point.step: point.accuracy for point in row.result.curve}
        for row in rows
        if row.result.status == "finished"
    ]
    steps = sorted(set.intersection(*(set(p) for p in points))) if points else []
    if not steps:
        return None
    samples = [[p[step] for p in points] for step in steps]
    means = [float(np.mean(sample)) for sample in samples]
    bounds = [interval(s, level) if len(s) > 1 else (s[0], s[0]) for s in samples]
    return Curve(
        steps=tuple(steps),
        mean=tuple(means),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
        finished=len(points),
        failed=len(rows) - len(points),
    )


def curves(material: Material) -> go.Figure | None:
    """Draw the learning curves of the shown schedules, each with its confidence band.

    They are those of the report runs; before there are any, of the selection, then of the search.
    Traces are named by contender, with ``, band`` for the outline of the band. A ring marks where
    the found schedule reaches the final accuracy of the best hand-coded one.

    Returns:
        The figure; None where no shown schedule has a full-length curve yet.
    """
    level = material.row.spec.confirmation.level
    drawn = {}
    for contender, shown in material.shown.items():
        curve = mean_curve(_rows(material.runs, shown), level)
        if curve is not None:
            drawn[contender] = curve
    if not drawn:
        return None
    figure = go.Figure()
    for contender, curve in drawn.items():
        figure.add_traces(_traces(contender, curve))
    crossing = _crossing(drawn)
    if crossing is not None:
        figure.add_trace(_marker(*crossing))
    epochs = material.row.spec.task.epochs
    figure.update_layout(
        layout(_finding(drawn, epochs), _reading(drawn, level), height=380, head=30),
        xaxis=axis("training steps", rangemode="tozero"),
        yaxis=axis("validation accuracy (%)"),
        hovermode="x unified",
    )
    return figure


Phase = Literal["report", "selection", "search"]
_PHASES: tuple[Phase, ...] = ("report", "selection", "search")


def _rows(runs: Sequence[RunRow], shown: Shown) -> list[RunRow]:
    rows = [
        row
        for row in runs
        if row.arm == shown.arm and row.run.schedule == shown.schedule and row.run.length == 1
    ]
    latest = next((p for p in _PHASES if any(row.phase == p for row in rows)), None)
    return [row for row in rows if row.phase == latest]


def _traces(contender: Contender, curve: Curve) -> list[go.Scatter]:
    color = COLORS[contender]
    outline = [100 * v for v in (*curve.high, *reversed(curve.low))]
    band = go.Scatter(
        name=f"{contender}, band",
        x=[*curve.steps, *reversed(curve.steps)],
        y=outline,
        fill="toself",
        fillcolor=shade(color, 0.18),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=contender,
    )
    line = go.Scatter(
        name=LABELS[contender],
        x=list(curve.steps),
        y=[100 * value for value in curve.mean],
        mode="lines",
        line={"color": color, "width": 3, "dash": DASHES[contender]},
        legendgroup=contender,
        hovertemplate="%{y:.1f} %",
    )
    return [band, line]


def _reading(drawn: dict[Contender, Curve], level: float) -> str:
    seeds = sorted({curve.finished for curve in drawn.values()})
    failed = sum(curve.failed for curve in drawn.values())
    counts = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    text = (
        f"Mean over {counts} seeds of the hard-quantized network, band: {percent(level, 0)} "
        "interval of the mean."
    )
    return f"{text} {failed} runs diverged and are left out." if failed else text


def _finding(drawn: dict[Contender, Curve], epochs: int) -> str:
    """Say when the found schedule gets where the hand-coded one ends."""
    ends = ", ".join(f"{LABELS[c]} {percent(curve.mean[-1])}" for c, curve in drawn.items())
    if not {"found", "hand-coded"} <= set(drawn):
        return f"Validation accuracy at the end: {ends}"
    crossing = _crossing(drawn)
    if crossing is None:
        return "Found does not reach the final validation accuracy of the best hand-coded schedule"
    (step, accuracy), total = crossing, drawn["found"].steps[-1]
    return (
        f"Found reaches the final {percent(accuracy)} of the best hand-coded schedule after "
        f"{step} of {total} steps ({epochs * step / total:.1f} of {epochs} epochs)"
    )


def _crossing(drawn: dict[Contender, Curve]) -> tuple[int, float] | None:
    """Return at which step the found schedule reaches the hand-coded one's final accuracy."""
    if not {"found", "hand-coded"} <= set(drawn):
        return None
    accuracy = drawn["hand-coded"].mean[-1]
    step = steps_to_reach(drawn["found"], accuracy)
    return None if step is None else (step, accuracy)


def _marker(step: int, accuracy: float) -> go.Scatter:
    return go.Scatter(
        name="found reaches it",
        x=[step],
        y=[100 * accuracy],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 13,
            "color": COLORS["found"],
            "line": {"width": 2},
        },
        showlegend=False,
        hoverinfo="skip",
    )


def steps_to_reach(curve: Curve, accuracy: float) -> int | None:
    """Return the first step from which on the mean stays at ``accuracy`` or above; None if never.

    >>> curve = Curve((10, 20, 30), (0.5, 0.8, 0.9), (), (), 1, 0)
    >>> steps_to_reach(curve, 0.8), steps_to_reach(curve, 0.95)
    (20, None)
    """
    below = [k for k, value in enumerate(curve.mean) if value < accuracy]
    first = below[-1] + 1 if below else 0
    return curve.steps[first] if first < len(curve.steps) else None
