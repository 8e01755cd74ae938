"""What the page of a study shows of its results: the report's figures and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from qsched.report.figures import draw
from qsched.report.importance import EVALUATOR, MIN_CANDIDATES
from qsched.report.material import gather
from qsched.report.provenance import provenance, spec_text
from qsched.report.sheets import SHEETS
from qsched.report.tables import Card, Table, arms_table, cards
from qsched.storage import Storage

__all__ = ["Figure", "Results", "results"]


@dataclass(frozen=True)
class Figure:
    """A figure for plotly.js.

    Attributes:
        key: its name among the figures of a study.
        title: what it shows, the page sets it.
        subtitle: how to read it.
        height: in pixels, without its title.
        json: the figure's data, in which no markup can start.
    """

    key: str
    title: str
    subtitle: str
    height: int
    json: str


@dataclass(frozen=True)
class Results:
    """Results of one study."""

    sentence: str
    figures: Mapping[str, Figure]
    atlas_keys: tuple[str, ...]
    cards: tuple[Card, ...]
    arms_table: Table
    candidates: int
    provenance: Mapping[str, str]
    spec: str
    evaluator: str = EVALUATOR
    min_candidates: int = MIN_CANDIDATES


def results(storage: Storage, name: str) -> Results:
    """Return the results of a study.

    Raises:
        InputError: there is no such study, or it has no runs yet.
    """
    material = gather(storage, name)
    figures = {key: _figure(key, figure) for key, figure in draw(material).items()}
    return Results(
        sentence=material.sentence,
        figures=figures,
        atlas_keys=tuple(key for key in SHEETS if key in figures),
        cards=cards(material),
        arms_table=arms_table(material.attempts),
        candidates=sum(attempt.finished for attempt in material.candidates),
        provenance=provenance(material),
        spec=spec_text(material),
    )


def _figure(key: str, figure: go.Figure) -> Figure:
    meta = figure.layout.meta
    text: str = figure.to_json()
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    height = figure.layout.height - meta["above"]
    return Figure(key, meta["title"], meta["subtitle"], height, text)
