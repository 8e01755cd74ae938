"""What is made of the times of studies, and that studies must agree."""

from __future__ import annotations

import pytest

from benchmarks import two_workers
from benchmarks.two_workers import Finished, Round, line, median, rounds


def test_rounds_alternate_and_ratios_are_taken_within_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def finished(study: str, workers: int) -> Finished:
        asked.append(workers)
        return Finished(10.0 * len(asked) / workers, {"a": 0.5}, "verdict")

    monkeypatch.setattr(two_workers, "finished", finished)
    found = rounds("digits-ana", 2)
    assert asked == [2, 2, 1, 1, 2]
    assert found == [Round(30.0, 10.0), Round(40.0, 25.0)]
    assert median(found) == pytest.approx((10 / 30 + 25 / 40) / 2)


@pytest.mark.parametrize("other", [({"a": 0.25}, "verdict"), ({"a": 0.5}, "another")])
def test_a_study_that_ends_otherwise_stops_the_benchmark(
    monkeypatch: pytest.MonkeyPatch, other: tuple[dict[str, float | None], str]
) -> None:
    answers = {2: ({"a": 0.5}, "verdict"), 1: other}
    monkeypatch.setattr(
        two_workers, "finished", lambda study, workers: Finished(1.0, *answers[workers])
    )
    with pytest.raises(SystemExit, match="other results with 1 workers in round 1"):
        rounds("digits-ana", 1)


def test_the_goal_is_of_the_median() -> None:
    assert line("s", [Round(10, 6), Round(10, 5), Round(10, 9)]).endswith("reached")
    assert "NOT" not in line("s", [Round(10, 6), Round(10, 5), Round(10, 9)])
    assert line("s", [Round(10, 7), Round(10, 5), Round(10, 9)]).endswith("NOT REACHED")
