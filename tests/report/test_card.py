"""The card: every rule with its words, its picture, its effect and where it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qsched.learning.analysis.effects import Effect
from qsched.learning.analysis.importance import Importance
from qsched.learning.analysis.rulebook import Rulebook
from qsched.learning.analysis.words import words
from qsched.learning.learn import Knowledge
from qsched.report.card import card_figures, card_markdown, write_card
from qsched.schedules.file import load_schedule
from qsched.specs.heuristics import Ablation, AblationStep, Heuristics
from tests.learning.test_recommend import learned

RULE, PLAIN = (load_schedule(f"ana-{n}").schedule for n in ("rule", "2019-overlapped"))

WAY = Ablation(
    tasks=4,
    start=0.7,
    end=0.738,
    gain=0.038,
    interval=(0.02, 0.05),
    steps=(
        AblationStep(part="end", effect=0.04, interval=(0.03, 0.06), tasks=4, lost=0),
        AblationStep(part="lag", effect=-0.002, interval=(-0.01, 0.01), tasks=2, lost=1),
    ),
)


def made() -> tuple[Heuristics, Knowledge]:
    found = learned()
    rule = found.rules[0].model_copy(
        update={
            "words": words("backward noise", RULE, {}),
            "failed": ("t1",),
            "effect": 0.012,
            "interval": (0.004, 0.02),
        }
    )
    heuristics = Heuristics(
        about="made <up>",
        algorithms={"ana": found.model_copy(update={"rules": (rule,), "ablation": WAY})},
    )
    shape = Effect(
        "backward_std", (0.1, 1.0), np.array([[-0.1, 0.1]]), np.zeros(2), np.ones(2), True
    )
    knowledge = Knowledge(
        (Importance("backward_std", 0.7, (0.6, 0.8), 0.4, (0.3, 0.5)),),
        (shape,),
        Rulebook("ana", PLAIN, "ana-2019-overlapped", None, RULE, (), ()),
        (RULE, PLAIN),
        {"end": {"t0": 0.03, "t1": -0.006}},
    )
    return heuristics, knowledge


def test_rules_have_words_effects_and_failures() -> None:
    heuristics, _ = made()
    text = card_markdown(heuristics)
    assert "Keep the backward noise alive: 0.81 quanta wide" in text
    assert "+1.2 [+0.4, +2.0], predicted" in text
    assert "1 of 4: t1" in text
    assert "img/" not in text
    assert "](img/ana-end.png)" in card_markdown(heuristics, pictures="img")
    some = card_markdown(heuristics, pictures="img", drawn=["ana-end"])
    assert some.count("](img/") == 1


def test_an_effect_of_nothing_is_not_negative() -> None:
    heuristics, _ = made()
    found = heuristics.algorithms["ana"]
    assert found.ablation is not None
    values = {"effect": -0.0004, "interval": (-0.0004, 0.0013)}
    step = found.ablation.steps[0].model_copy(update=values)
    none = found.model_copy(
        update={"ablation": found.ablation.model_copy(update={"steps": (step,)})}
    )
    text = card_markdown(heuristics.model_copy(update={"algorithms": {"ana": none}}))
    assert "+0.0 [+0.0, +0.1]" in text
    assert "-0.0" not in text


def test_pictures_show_the_numbers() -> None:
    heuristics, knowledge = made()
    drawn = card_figures(heuristics, {"ana": knowledge})
    kinds = ("schedule", "end", "ablation", "importance", "effects")
    assert set(drawn) == {f"ana-{kind}" for kind in kinds}
    bars = {trace.name: trace for trace in drawn["ana-end"].data}
    assert list(bars["helps"].x) == [3.0]
    assert list(bars["fails"].y) == ["t1"]
    curves = {trace.name for trace in drawn["ana-schedule"].data}
    assert {"learned, depth 0", "ana-2019-overlapped, depth 1"} <= curves


def test_the_way_from_hand_coded_to_learned_is_a_table_and_a_waterfall() -> None:
    heuristics, knowledge = made()
    text = card_markdown(heuristics)
    assert "on 4 deep tasks" in text
    assert "From 70.0\u00a0% to 73.8\u00a0% on the test set, +3.8 [+2.0, +5.0] points:" in text
    assert "| end | +4.0 [+3.0, +6.0] | 4 | 0 |" in text
    assert "| lag | -0.2 [-1.0, +1.0] | 2 | 1 |" in text
    steps, whiskers = card_figures(heuristics, {"ana": knowledge})["ana-ablation"].data
    assert list(steps.x) == ["+4.0<br>end", "-0.2<br>lag", "+3.8<br>all"]
    assert list(steps.y) == pytest.approx([4.0, -0.2, 3.8])
    assert list(steps.measure) == ["relative", "relative", "total"]
    # Whiskers stand where bars end.
    assert list(whiskers.y) == pytest.approx([4.0, 3.8, 3.8])
    assert list(whiskers.error_y.array) == pytest.approx([2.0, 1.2, 1.2])
    none = heuristics.algorithms["ana"].model_copy(update={"ablation": None})
    assert "deep tasks" not in card_markdown(Heuristics(algorithms={"ana": none}))


def test_the_page_needs_nothing_else_and_holds_no_foreign_markup(tmp_path: Path) -> None:
    heuristics, knowledge = made()
    page, text = write_card(heuristics, {"ana": knowledge}, tmp_path)
    html = page.read_text()
    assert "made &lt;up&gt;" in html
    assert 'src="http' not in html
    assert html.count('class="plot"') == 5
    # Nobody takes a prediction for a measurement.
    assert "+1.2 [+0.4, +2.0] points, predicted by surfaces, not measured." in html
    assert text.read_text() == card_markdown(heuristics)


def test_a_page_holds_the_seven_rules_that_gain_most() -> None:
    heuristics, _ = made()
    found = heuristics.algorithms["ana"]
    effects = [0.01, -0.02, 0.05, 0.0, 0.03, 0.02, 0.04, 0.06, 0.07, 0.005]
    rules = tuple(
        found.rules[0].model_copy(update={"id": f"ana-{i}", "effect": effect})
        for i, effect in enumerate(effects)
    )
    full = heuristics.model_copy(
        update={"algorithms": {"ana": found.model_copy(update={"rules": rules})}}
    )
    assert [rule.effect for rule in full.page()["ana"]] == sorted(effects)[:2:-1]
    assert [rule.id for rule in full.page(2)["ana"]] == ["ana-8", "ana-7"]
    # A rule that may as well lose is no rule, however much it gains on average.
    unsure = rules[8].model_copy(update={"interval": (-0.001, 0.14)})
    doubted = found.model_copy(update={"rules": (*rules[:8], unsure)})
    assert [r.id for r in Heuristics(algorithms={"ana": doubted}).page(2)["ana"]] == [
        "ana-7",
        "ana-2",
    ]
    assert "7. Keep" in card_markdown(full) and "8. " not in card_markdown(full)
