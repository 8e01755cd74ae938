"""All figures of a study."""

from __future__ import annotations

import plotly.graph_objects as go

from qsched.report.atlas import atlas
from qsched.report.comparison import comparison
from qsched.report.curves import curves
from qsched.report.importance import importance
from qsched.report.material import Material, gather
from qsched.report.regret import regret
from qsched.storage import Storage

__all__ = ["draw", "figures"]


def figures(storage: Storage, name: str) -> dict[str, go.Figure]:
    """Draw all figures of a study for which storage has the data.

    Args:
        storage: the study database.
        name: the study's name.

    Returns:
        Figures by key: ``verdict`` (only with a verdict), ``atlas-forward``, ``atlas-backward``,
        ``atlas-frozen`` (those that the schedules use), ``curves``, ``regret``, ``importance``
        (only with enough candidates).

    Raises:
        InputError: there is no such study, or it has no runs yet.
    """
    return draw(gather(storage, name))


def draw(material: Material) -> dict[str, go.Figure]:
    """Draw all figures that ``material`` has the data for."""
    drawn = {
        "verdict": comparison(material.verdict) if material.verdict else None,
        **atlas(material.shown),
        "curves": curves(material),
        "regret": regret(material),
        "importance": importance(material),
    }
    return {key: figure for key, figure in drawn.items() if figure is not None}
