"""Progress: lines of at most one a second, or a live display."""

from __future__ import annotations

import io
from dataclasses import replace

from qsched.cli.progress import Lines, shown
from qsched.study import Progress

STATE = Progress("search", 30, 128, 12, 64, "16 schedules x 2 seeds", 0.864, "trial-9", 75.0)


def test_a_line_says_all_that_is_known() -> None:
    stream = io.StringIO()
    Lines("toy", stream)(STATE)
    assert stream.getvalue() == (
        "toy: search, 16 schedules x 2 seeds, runs 30/128, trials 12/64, "
        "best 86.4 % (trial-9), about 1:15 left\n"
    )


def test_a_line_leaves_out_what_is_unknown() -> None:
    stream = io.StringIO()
    Lines("toy", stream)(Progress("baselines", trials_total=64))
    assert stream.getvalue() == "toy: baselines, trials 0/64\n"


def test_a_new_phase_is_told_at_once_and_the_rest_once_a_second() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines("toy", stream, clock=lambda: now[0])
    for step in range(100):
        now[0] = step / 10
        lines(replace(STATE, done=step, phase="search" if step < 55 else "selection"))
    phases = [line.split(",")[0] for line in stream.getvalue().splitlines()]
    assert phases == ["toy: search"] * 6 + ["toy: selection"] * 5


def test_no_terminal_means_lines() -> None:
    stream = io.StringIO()
    with shown("toy", stream) as observe:
        observe(STATE)
    assert stream.getvalue().startswith("toy: search")
    assert "\x1b" not in stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_live_display() -> None:
    stream = Terminal()
    with shown("toy", stream) as observe:
        observe(STATE)
    text = stream.getvalue()
    for part in ("30/128", "12/64", "86.4 %", "1:15", "16 schedules x 2 seeds", "search"):
        assert part in text
