"""Faults of space files: all at once, each at its line."""

from __future__ import annotations

import pytest

from qsched.errors import SpecError
from qsched.files import Document
from qsched.spaces import SearchSpace

GOOD = """\
format: qsched/space/1
name: tiny
parameters:
  rate: {type: float, low: 0.001, high: 0.1, log: true}
  gate: {type: choice, choices: [a, b]}
  end: {type: float, low: 0.2, high: 0.9, when: {gate: [a]}}
schedule:
  learning_rate: {initial: $rate}
  window:
    choose: gate
    cases:
      a: {end: $end}
      b: {}
"""


def _faults(*changes: tuple[str, str]) -> list[str]:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(SpecError) as caught:
        Document.of(text).to(SearchSpace)
    return [str(problem) for problem in caught.value.problems]


def test_the_example_is_good() -> None:
    assert Document.of(GOOD).to(SearchSpace).name == "tiny"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("low: 0.001", "low: 1"), "line 4: parameters.rate: low < high must hold, but got low=1"),
        (("low: 0.001", "low: 0"), "line 4: parameters.rate: a log range needs low > 0"),
        (("[a, b]}", "[a, b, b]}"), "line 5: parameters.gate: choices must differ"),
        (
            ("[a, b]}", "[a, b, c]}"),
            "line 11: schedule.window.cases: the choice `c` of `gate` needs a case",
        ),
        (
            ("      b:", "      c:"),
            "line 11: schedule.window.cases: the choice `b` of `gate` needs a case",
        ),
        (
            ("gate: [a]", "gat: [a]"),
            "line 6: parameters.end.when.gat: `gat` must be a choice parameter that stands before",
        ),
        (("gate: [a]", "gate: [x]"), "line 6: parameters.end.when.gate: `gate` has no choice `x`"),
        (
            ("$rate", "$rat"),
            "line 8: schedule.learning_rate.initial: no parameter is called `rat`",
        ),
        (
            ("b: {}", "b: {end: $end}"),
            "line 13: schedule.window.cases.b.end: `end` must stand inside the case `a` of `gate`",
        ),
        (("$end", "0.5"), "line 6: parameters.end: used nowhere in the schedule where gate=a"),
        ((", when: {gate: [a]}", ""), "parameters.end: used nowhere in the schedule where gate=b"),
        (
            ("choose: gate", "choose: rate"),
            "`choose` needs a choice parameter, but `rate` is none",
        ),
        (("high: 0.9", "high: 1.9"), "line 12: schedule.window.cases.a.end: should be less than"),
        (("b: {}", "b: {ends: 1}"), "line 13: schedule.window.cases.b.ends: unknown key"),
        (
            ("{initial: $rate}", "{initial: -1, restart: $rate}"),
            "line 8: schedule.learning_rate.i",
        ),
        (
            ("  learning_rate: {initial: $rate}\n", "  lag: {backward: $rate}\n"),
            "line 7: schedule",
        ),
        (("type: float, low: 0.2", "type: real, low: 0.2"), "unknown type `real`"),
        (("name: tiny", "nam: tiny"), "line 2: nam: unknown key; did you mean `name`?"),
        (("cases:", "case:"), "line 9: schedule.window: must hold `choose: parameter` and `cases"),
        (
            ("b: {}", "b: {start: 0.5, end: 0.1}"),
            "line 13: schedule.window.cases.b: a window need",
        ),
    ],
)
def test_faults(change: tuple[str, str], fault: str) -> None:
    assert any(fault in found for found in _faults(change))


def test_all_faults_together() -> None:
    found = _faults(
        ("low: 0.001", "low: 1"), ("$end", "$ent"), ("gate: [a]", "gate: [x]"), ("b: {}", "c: {}")
    )
    assert len(found) >= 5
    lines = [int(fault.removeprefix("line ").split(":")[0]) for fault in found]
    assert lines == sorted(lines)
    assert {4, 6, 11, 12, 13} <= set(lines)
