"""The card: every rule with its words, its picture, its effect and where it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.learning.analysis.effects import Effect
from qsched.learning.analysis.importance import Importance
from qsched.learning.analysis.rulebook import Rulebook
from qsched.learning.analysis.words import words
from qsched.learning.learn import Knowledge
from qsched.report.card import card_figures, card_markdown, write_card
from qsched.schedules.file import load_schedule
from qsched.specs.heuristics import Heuristics
from tests.learning.test_recommend import learned

RULE, PLAIN = (load_schedule(f"ana-{n}").schedule for n in ("rule", "2019-overlapped"))


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
        about="made <up>", algorithms={"ana": found.model_copy(update={"rules": (rule,)})}
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


def test_an_effect_of_nothing_is_not_negative() -> None:
    heuristics, _ = made()
    found = heuristics.algorithms["ana"]
    rule = found.rules[0].model_copy(update={"effect": 0.0004, "interval": (-0.0004, 0.0013)})
    none = found.model_copy(update={"rules": (rule,)})
    text = card_markdown(heuristics.model_copy(update={"algorithms": {"ana": none}}))
    assert "+0.0 [+0.0, +0.1]" in text
    assert "-0.0" not in text


def test_pictures_show_the_numbers() -> None:
    heuristics, knowledge = made()
    drawn = card_figures(heuristics, {"ana": knowledge})
    assert set(drawn) == {"ana-schedule", "ana-end", "ana-importance", "ana-effects"}
    bars = {trace.name: trace for trace in drawn["ana-end"].data}
    assert list(bars["helps"].x) == [3.0]
    assert list(bars["fails"].y) == ["t1"]
    curves = {trace.name for trace in drawn["ana-schedule"].data}
    assert {"learned, depth 0", "ana-2019-overlapped, depth 1"} <= curves


def test_the_page_needs_nothing_else_and_holds_no_foreign_markup(tmp_path: Path) -> None:
    heuristics, knowledge = made()
    page, text = write_card(heuristics, {"ana": knowledge}, tmp_path)
    html = page.read_text()
    assert "made &lt;up&gt;" in html
    assert 'src="http' not in html
    assert html.count('class="plot"') == 4
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
    assert "7. Keep" in card_markdown(full) and "8. " not in card_markdown(full)
