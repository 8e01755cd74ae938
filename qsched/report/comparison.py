"""The verdict as a picture: test accuracy of every seed, and the paired differences."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from qsched.report.style import COLORS, INK, LABELS, axis, layout, percent, plain, shade, signed
from qsched.study.verdict import ArmSummary, Comparison, Verdict

__all__ = ["comparison", "finding"]

_ROW = 46


def finding(claim: Comparison) -> str:
    """Return one comparison in words, with the difference in percentage points.

    >>> claim = Comparison(other="static", arm="static-0.41", difference=0.021,
    ...                    interval=(-0.01, 0.05), p_value=0.2, seeds=24, significant=False)
    >>> finding(claim)
    'no significant difference from tuned static'
    """
    other = LABELS[claim.other]
    if not claim.significant:
        return f"no significant difference from {other}"
    word = "above" if claim.difference > 0 else "below"
    return f"{100 * abs(claim.difference):.1f} points {word} {other}"


def comparison(verdict: Verdict) -> go.Figure:
    """Draw the test accuracies of all seeds with their means, and below the paired differences.

    Traces are named by contender: ``found``, then ``found, mean``; differences from the hand-coded
    and the static schedule are named ``found - hand-coded`` and ``found - static``.
    """
    arms = verdict.arms
    # The gap to full precision is of another size and would squeeze the rest.
    claims = [claim for claim in verdict.comparisons if claim.other != "full precision"]
    level = percent(verdict.level, 0)
    figure = make_subplots(
        rows=2,
        cols=1,
        row_heights=[len(arms) + 0.5, len(claims) + 0.5],
        vertical_spacing=0.24,
    )
    for y, arm in enumerate(reversed(arms)):
        figure.add_traces(_seeds_and_mean(arm, y), rows=1, cols=1)
    for y, claim in enumerate(reversed(claims)):
        figure.add_trace(_difference(claim, y), row=2, col=1)
    figure.add_vline(x=0, row=2, col=1, line={"color": INK, "width": 1})
    figure.update_layout(
        layout(
            f"Found schedule on the test set: {'; '.join(map(finding, claims))}",
            f"Small dots: one of {len(verdict.seeds)} fresh seeds each. Diamonds: means with "
            f"{level} interval. Below: paired by seed; hollow where the interval holds 0.",
            height=_ROW * (len(arms) + len(claims) + 1) + 120,
        ),
        showlegend=False,
        xaxis=axis("test accuracy (%)"),
        xaxis2=axis("found minus other (points)", range=_around_zero(claims)),
        yaxis=_names([LABELS[arm.contender] for arm in reversed(arms)]),
        yaxis2=_names([LABELS[claim.other] for claim in reversed(claims)]),
    )
    return figure


def _around_zero(claims: list[Comparison]) -> list[float]:
    """A range in percentage points that shows all intervals, and 0 apart from the border."""
    edges = [100 * edge for claim in claims for edge in claim.interval]
    low, high = min(0.0, *edges), max(0.0, *edges)
    margin = 0.08 * (high - low)
    return [low - margin, high + margin]


def _names(labels: list[str]) -> dict[str, object]:
    ticks = list(range(len(labels)))
    return axis(
        "",
        tickvals=ticks,
        ticktext=labels,
        range=[-0.55, len(labels) - 0.45],
        showgrid=False,
    )


def _seeds_and_mean(arm: ArmSummary, y: int) -> list[go.Scatter]:
    color = COLORS[arm.contender]
    count = len(arm.accuracies)
    # A seed keeps its height from row to row, so that pairs can be told.
    heights = y + np.linspace(-0.3, 0.3, count) if count > 1 else np.array([float(y)])
    low, high = arm.interval
    seeds = go.Scatter(
        name=arm.contender,
        x=[100 * value for value in arm.accuracies],
        y=heights.tolist(),
        mode="markers",
        marker={"color": shade(color, 0.55), "size": 5},
        hovertemplate=f"{plain(arm.arm)}: %{{x:.2f}} %<extra></extra>",
    )
    mean = go.Scatter(
        name=f"{arm.contender}, mean",
        x=[100 * arm.mean],
        y=[y],
        mode="markers",
        marker={"color": color, "size": 12, "symbol": "diamond"},
        error_x=_whiskers(arm.mean, low, high, color),
        hovertemplate=f"{plain(arm.arm)}: mean %{{x:.2f}} %<extra></extra>",
    )
    return [seeds, mean]


def _difference(claim: Comparison, y: int) -> go.Scatter:
    color = COLORS[claim.other]
    low, high = claim.interval
    return go.Scatter(
        name=f"found - {claim.other}",
        x=[100 * claim.difference],
        y=[y],
        mode="markers+text",
        text=[signed(claim.difference)],
        textposition="top center",
        cliponaxis=False,
        marker={
            "color": color,
            "size": 12,
            "symbol": "diamond" if claim.significant else "diamond-open",
            "line": {"color": color, "width": 2},
        },
        error_x=_whiskers(claim.difference, low, high, color),
        hovertemplate=f"found minus {plain(claim.arm)}: %{{x:+.2f}} points<extra></extra>",
    )


def _whiskers(mid: float, low: float, high: float, color: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * (high - mid)],
        "arrayminus": [100 * (mid - low)],
        "color": color,
        "thickness": 2.5,
        "width": 6,
    }
