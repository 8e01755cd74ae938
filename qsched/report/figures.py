"""All figures of a study."""

from __future__ import annotations

import plotly.graph_objects as go

from qsched.report.atlas import atlas
from qsched.report.comparison import comparison
from qsched.report.curves import curves
from qsched.report.importance import importance
from qsched.report.material import Material
from qsched.report.regret import regret

__all__ = ["draw"]


def draw(material: Material) -> dict[str, go.Figure]:
    """Draw all figures of a study that ``material`` has the data for.

    Args:
        material: the study, as :func:`~qsched.report.gather` reads it.

    Returns:
        Figures by key: ``verdict`` (only with a verdict), ``atlas-forward``, ``atlas-backward``,
        ``atlas-frozen`` (those that the schedules use), ``curves``, ``regret``, ``importance``
        (only with enough candidates).
    """
    drawn = {
        "verdict": comparison(material.verdict) if material.verdict else None,
        **atlas(material.shown),
        "curves": curves(material),
        "regret": regret(material),
        "importance": importance(material),
    }
    return {key: figure for key, figure in drawn.items() if figure is not None}
