"""Which parameters of the search space made good schedules good."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState, create_trial

from qsched.report.material import Attempt, Material
from qsched.report.style import COLORS, axis, layout, percent, plain, shade
from qsched.study.importance import ped_anova, top_share

__all__ = ["EVALUATOR", "MIN_CANDIDATES", "importance", "importances"]

EVALUATOR = "PED-ANOVA"
MIN_CANDIDATES = 20
"""Fewer candidates than these say nothing about a dozen parameters."""

_LEAST = 0.005
"""Smaller shares round to nothing and get no bar."""
_MIN_VALUES = 5


def importance(material: Material) -> go.Figure | None:
    """Draw the importance of each parameter, by PED-ANOVA over the search's candidates.

    Raced-out candidates count with the mean they had when they stopped: without them, only good
    candidates would be compared. The bars' trace is named ``PED-ANOVA``. Parameters that only some
    candidates have are marked with a star: theirs includes the choice of having them at all. Those
    whose share rounds to 0 % are counted, not drawn.

    Returns:
        The figure; None below :data:`MIN_CANDIDATES` candidates or where all score the same.
    """
    trials = _scored(material.candidates)
    shares = importances(trials)
    if not shares:
        return None
    everywhere = set.intersection(*(set(t.params) for t in trials))
    names = [name for name in reversed(shares) if shares[name] >= _LEAST] or list(shares)[:1]
    first = next(iter(shares))
    figure = go.Figure(_bars({name: shares[name] for name in names}, everywhere))
    rest = len(shares) - len(names)
    conditional = not everywhere.issuperset(names)
    figure.update_layout(
        layout(
            f"{first} matters most for reaching the top {percent(top_share(len(trials)), 0)}",
            f"{EVALUATOR} importance, in percent of the sum, from {len(trials)} candidates"
            + (f"; {rest} more below {percent(_LEAST, 1)}" if rest else "")
            + ("; * only some candidates have this parameter." if conditional else "."),
            height=26 * len(names) + 90,
        ),
        xaxis=axis("importance (%)", range=[0, 112 * shares[first]]),
        yaxis=axis("", showgrid=False),
        bargap=0.35,
    )
    return figure


def _bars(shares: dict[str, float], everywhere: set[str]) -> go.Bar:
    """Return a bar for each share, the last one in full color."""
    return go.Bar(
        name=EVALUATOR,
        orientation="h",
        x=[100 * share for share in shares.values()],
        y=[plain(name) + ("" if name in everywhere else " *") for name in shares],
        text=[percent(share, 0) for share in shares.values()],
        textposition="outside",
        cliponaxis=False,
        marker={"color": [shade(COLORS["found"], 0.45)] * (len(shares) - 1) + [COLORS["found"]]},
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
    )


def importances(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return the share of each parameter, largest first, with sum 1; empty with too few trials.

    See :func:`qsched.study.importance.ped_anova`.

    Args:
        trials: completed trials, to be maximized.
    """
    if len(trials) < MIN_CANDIDATES or len({t.value for t in trials}) < _MIN_VALUES:
        return {}
    return ped_anova(trials)


def _scored(candidates: Sequence[Attempt]) -> list[FrozenTrial]:
    return [
        create_trial(
            state=TrialState.COMPLETE,
            params=attempt.trial.params,
            distributions=attempt.trial.distributions,
            value=attempt.value,
        )
        for attempt in candidates
        if attempt.finished and attempt.value is not None
    ]
