"""What the search gained with every candidate, against the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import plotly.graph_objects as go
from optuna.trial import TrialState

from qsched.report.material import Attempt, Material
from qsched.report.style import COLORS, DASHES, LABELS, axis, layout, percent, plain
from qsched.study.verdict import Contender

__all__ = ["regret"]

_REFERENCES: dict[Contender, str] = {"hand-coded": "baseline", "static": "static"}


def regret(material: Material) -> go.Figure | None:
    """Draw the best mean validation accuracy so far against the number of finished candidates.

    Only candidates that climbed the whole ladder count for the best; raced-out ones are shown at
    the mean they had when they stopped. The traces are named ``best so far``, ``whole ladder``,
    ``raced out``, and by contender for the best baselines, drawn level.

    Returns:
        The figure; None where no candidate has climbed the whole ladder yet.
    """
    done = [
        _Point(i, attempt.value, attempt)
        for i, attempt in enumerate((a for a in material.candidates if a.finished), start=1)
        if attempt.value is not None
    ]
    climbed = [p for p in done if p.attempt.state == TrialState.COMPLETE]
    if not climbed:
        return None
    levels = dict(_levels(material.attempts))
    best = list(accumulate((p.value for p in climbed), max))
    last = done[-1].count
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            name="best so far",
            x=[*(p.count for p in climbed), last],
            y=[100 * v for v in (*best, best[-1])],
            mode="lines",
            line={"color": COLORS["found"], "width": 3, "shape": "hv"},
            hovertemplate="best after %{x} candidates: %{y:.2f} %<extra></extra>",
        )
    )
    for contender, value in levels.items():
        figure.add_trace(_level(contender, value, last))
    figure.add_trace(_dots("raced out", [p for p in done if p not in climbed], "circle-open"))
    figure.add_trace(_dots("whole ladder", climbed, "circle"))
    figure.update_layout(
        layout(
            _finding([p.count for p in climbed], best, levels, last),
            "Mean validation accuracy on the seeds of the search. The best of many is flattered "
            "by chance: the verdict rests on fresh seeds. Up to a quarter of the candidates, the "
            "worst, lie below the plot.",
            height=360,
            head=30,
        ),
        xaxis=axis("finished candidates", range=[0, last + 1]),
        yaxis=axis("validation accuracy (%)", range=_window(done, levels)),
    )
    return figure


@dataclass(frozen=True)
class _Point:
    """The ``count``-th finished candidate."""

    count: int
    value: float
    attempt: Attempt


def _levels(attempts: Sequence[Attempt]) -> Iterable[tuple[Contender, float]]:
    for contender, kind in _REFERENCES.items():
        values = [
            a.value
            for a in attempts
            if a.kind == kind and a.state == TrialState.COMPLETE and a.value is not None
        ]
        if values:
            yield contender, max(values)


def _dots(name: str, points: Sequence[_Point], symbol: str) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[p.count for p in points],
        y=[100 * p.value for p in points],
        text=[f"{plain(p.attempt.arm)}, {p.attempt.seeds} seeds" for p in points],
        mode="markers",
        marker={"color": COLORS["found"], "symbol": symbol, "size": 6, "opacity": 0.75},
        hovertemplate="%{text}: %{y:.2f} %<extra></extra>",
    )


def _level(contender: Contender, value: float, last: int) -> go.Scatter:
    return go.Scatter(
        name=LABELS[contender],
        x=[0, last + 1],
        y=[100 * value] * 2,
        mode="lines",
        line={"color": COLORS[contender], "width": 2, "dash": DASHES[contender]},
        hovertemplate=f"{LABELS[contender]}: %{{y:.2f}} %<extra></extra>",
    )


def _window(done: Sequence[_Point], levels: dict[Contender, float]) -> list[float]:
    """Leave out the worst quarter of candidates, which would squeeze the rest."""
    values = sorted(p.value for p in done)
    low = min([values[len(values) // 4], *levels.values()])
    high = max([values[-1], *levels.values()])
    margin = 0.06 * (high - low) or 0.01
    return [100 * (low - margin), 100 * (high + margin)]


def _finding(
    counts: Sequence[int], best: Sequence[float], levels: dict[Contender, float], last: int
) -> str:
    """Say after how many candidates the search passed the best hand-coded schedule."""
    level = levels.get("hand-coded")
    end = f"best of {last} candidates: {percent(best[-1])}"
    if level is None:
        return f"Search so far, {end}"
    passed = next((n for n, value in zip(counts, best, strict=True) if value > level), None)
    if passed is None:
        return f"No candidate passes the best hand-coded schedule in the search ({end})"
    return f"Candidate {passed} is the first to pass the best hand-coded schedule ({end})"
