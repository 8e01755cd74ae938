"""The card: what was learned, on a page, as HTML and as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from qsched.files.atomic import replace_file
from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.learn import Knowledge
from qsched.report.card_figures import dependence, effect_by_task, ranking, schedules, waterfall
from qsched.report.page import TEMPLATES, figure_json
from qsched.report.style import percent
from qsched.specs.heuristics import Ablation, Heuristics, LearnedRule

__all__ = ["card_figures", "card_markdown", "write_card"]

_NAMES = {"ana": "Noise annealing (ANA)", "inq": "Incremental quantization (INQ)"}


def card_figures(
    heuristics: Heuristics, knowledge: Mapping[Algorithm, Knowledge]
) -> dict[str, go.Figure]:
    """Draw the card's figures.

    Returns:
        By key: ``ana-schedule``, ``ana-ablation``, ``ana-importance``, ``ana-effects``, the same
        for ``inq``, and one a rule by its id.
    """
    drawn: dict[str, go.Figure] = {}
    page = heuristics.page()
    for algorithm, found in heuristics.algorithms.items():
        known = knowledge[algorithm]
        drawn[f"{algorithm}-schedule"] = schedules(*known.schedules, found.base, algorithm)
        for rule in page[algorithm]:
            drawn[rule.id] = effect_by_task(rule, known.gains[rule.part])
        if found.ablation:
            drawn[f"{algorithm}-ablation"] = waterfall(found.ablation, algorithm)
        if known.importance:
            drawn[f"{algorithm}-importance"] = ranking(known.importance, algorithm)
        if known.effects:
            drawn[f"{algorithm}-effects"] = dependence(known.effects, algorithm)
    return drawn


def write_card(
    heuristics: Heuristics, knowledge: Mapping[Algorithm, Knowledge], folder: Path
) -> tuple[Path, Path]:
    """Write ``card.html``, which needs nothing else, and ``card.md``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = card_figures(heuristics, knowledge)
    text = TEMPLATES.get_template("card.html.jinja").render(
        heuristics=heuristics,
        rules=heuristics.page(),
        names=_NAMES,
        figures=figures,
        json={key: figure_json(figure) for key, figure in figures.items()},
        points=_points,
        ablation_words=ablation_words,
        plotly=get_plotlyjs(),
    )
    page, words = folder / "card.html", folder / "card.md"
    replace_file(page, text)
    replace_file(words, card_markdown(heuristics))
    return page, words


def card_markdown(
    heuristics: Heuristics, pictures: str | None = None, drawn: Collection[str] | None = None
) -> str:
    """Return the card as Markdown.

    Args:
        heuristics: what was learned.
        pictures: folder of the pictures, as links see it; None leaves them out.
        drawn: keys of the pictures that are there, as of :func:`card_figures`; None is all.
    """
    parts = [f"Made by `qsched learn`: {heuristics.about}."]
    page = heuristics.page()

    def show(*shown: tuple[str, str]) -> list[str]:
        kept = [(key, title) for key, title in shown if drawn is None or key in drawn]
        return [f"![{title}]({pictures}/{key}.png)" for key, title in kept] if pictures else []

    for algorithm, found in heuristics.algorithms.items():
        rules = page[algorithm]
        parts += [
            f"### {_NAMES[algorithm]}\n\nStart from `{found.base}` and change, "
            "in the order of what it gains:",
            _rules_table(rules),
            *show((f"{algorithm}-schedule", "The learned default over training")),
            *show(*((rule.id, f"What the rule on `{rule.part}` gains") for rule in rules)),
            *show((f"{algorithm}-importance", "Importance")),
            *show((f"{algorithm}-effects", "What parameters do")),
        ]
        if found.ablation:
            parts += [ablation_words(found.ablation), _ablation_table(found.ablation)]
            parts += show((f"{algorithm}-ablation", "Part by part"))
    return "\n\n".join(parts) + "\n"


def ablation_words(found: Ablation) -> str:
    """Return what the way from hand-coded schedules to the default is, in a sentence."""
    return (
        "From the hand-coded schedule that is best for a task to the default learned without its "
        f"data set, one part at a time, on {found.tasks} deep tasks: every step trained on fresh "
        "seeds, paired, its learning rate tuned, the next part the one of which a surrogate "
        f"expects most. From {percent(found.start)} to {percent(found.end)} on the test set, "
        f"{_points(found.gain, found.interval)} points:"
    )


def _ablation_table(found: Ablation) -> str:
    rows = [
        "| exchanged | gains (points) | tasks that differ in it | lost on |",
        "|---|---|---|---|",
    ]
    rows += [
        f"| {step.part} | {_points(step.effect, step.interval)} | {step.tasks} | {step.lost} |"
        for step in found.steps
    ]
    return "\n".join(rows)


def _rules_table(rules: Sequence[LearnedRule]) -> str:
    rows = ["| rule | gains (points) | fails on |", "|---|---|---|"]
    rows += [
        f"| {i}. {rule.words} | {_size(rule)} | {_failures(rule)} |"
        for i, rule in enumerate(rules, start=1)
    ]
    return "\n".join(rows)


def _size(rule: LearnedRule) -> str:
    mark = "" if rule.basis == "measured" else ", predicted"
    return f"{_points(rule.effect, rule.interval)}{mark}"


def _points(effect: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * effect:+z.1f} [{100 * low:+z.1f}, {100 * high:+z.1f}]"


def _failures(rule: LearnedRule) -> str:
    if not rule.failed:
        return f"none of {rule.tasks} tasks"
    return f"{len(rule.failed)} of {rule.tasks}: {', '.join(rule.failed)}"
