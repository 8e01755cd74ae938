"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from qsched.errors import QschedError
from qsched.files.atomic import replace_file
from qsched.report.importance import EVALUATOR, MIN_CANDIDATES
from qsched.report.material import Material
from qsched.report.provenance import provenance, spec_text
from qsched.report.sheets import SHEETS
from qsched.report.tables import arms_table, cards, verdict_table

__all__ = ["TEMPLATES", "figure_json", "render", "write"]

TEMPLATES = Environment(
    loader=PackageLoader("qsched.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write(material: Material, figures: Mapping[str, go.Figure], path: Path) -> Path:
    """Write a study's report as one self-contained HTML file.

    The file works offline: it holds the plotting library and loads nothing. It appears whole or
    not at all. A study that has not finished gives a report without a verdict that says so.

    Args:
        material: the study, as :func:`~qsched.report.gather` reads it.
        figures: its figures, as :func:`~qsched.report.draw` draws them.
        path: the file to write or replace; missing folders are made.

    Returns:
        ``path``.

    Raises:
        QschedError: the file cannot be written.
    """
    text = render(material, figures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        raise QschedError(
            f"a report needs a file that can be written, but {path}: {error.strerror}; "
            "choose another path or make room"
        ) from None
    return path


def render(material: Material, figures: Mapping[str, go.Figure]) -> str:
    """Return the report's HTML text."""
    return TEMPLATES.get_template("report.html.jinja").render(
        material=material,
        verdict_table=verdict_table(material.verdict) if material.verdict else None,
        cards=cards(material),
        arms_table=arms_table(material.attempts),
        provenance=provenance(material),
        spec=spec_text(material),
        figures=figures,
        atlas_keys=[key for key in SHEETS if key in figures],
        json={key: figure_json(figure) for key, figure in figures.items()},
        evaluator=EVALUATOR,
        min_candidates=MIN_CANDIDATES,
        plotly=get_plotlyjs(),
    )


def figure_json(figure: go.Figure) -> str:
    """Return a figure's JSON, in which no markup can start."""
    text: str = figure.to_json()
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
