"""Steps under way together: what is trained once, whose turn it is, when thoughts are thought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qsched.execution import Inline
from qsched.schedules import LearningRate, Schedule
from qsched.specs import TaskSpec, digest
from qsched.storage import Storage
from qsched.study.arms import Arm
from qsched.study.measure import Measure
from qsched.study.progress import Progress, Ticker
from qsched.study.steps import Block, Steps, Thought
from tests.study.test_loop import SPEC, Interrupting


def arm(name: str, rate: float) -> Arm:
    return Arm(name, "candidate", Schedule(learning_rate=LearningRate(initial=rate)))


@pytest.fixture
def train() -> Interrupting:
    return Interrupting()


@pytest.fixture
def told() -> list[Progress]:
    return []


@pytest.fixture
def measure(train: Interrupting, told: list[Progress]) -> Iterator[Measure]:
    with Storage.open("sqlite://") as storage:
        spec = SPEC.model_copy(update={"lanes": 1})
        storage.save_study(spec, digest(spec))
        yield Measure(spec, storage, Inline(train), Ticker(told.append, 1, lambda _: 0.0))


def asks(*seeds: range, rate: float = 0.01) -> Steps[list[Any]]:
    """Ask for the seeds of one arm, and come to all accuracies."""
    found = []
    for each in seeds:
        scores = yield Block("search", [arm("a", rate)], each)
        found += scores[0].tolist()
    return found


class Two(Inline):
    """Asks for an even number of cohorts."""

    def parts(self, task: TaskSpec) -> int:
        return 2


def test_runs_are_split_as_the_executor_asks(train: Interrupting) -> None:
    with Storage.open("sqlite://") as storage:
        storage.save_study(SPEC, digest(SPEC))
        measure = Measure(SPEC, storage, Two(train), Ticker(lambda _: None, 1, lambda _: 0.0))
        measure.alone(asks(range(7)))
    assert train.sizes == [3, 4]


def test_what_two_want_is_trained_once(
    measure: Measure, train: Interrupting, told: list[Progress]
) -> None:
    ends = dict(measure.together([asks(range(2), range(2, 4)), asks(range(3))]))
    assert ends[0][:3] == ends[1]
    assert set(train.trained.values()) == {1}
    assert len(train.trained) == 4
    assert told[-1].done == told[-1].total == 7


def test_more_may_begin_while_one_that_ended_is_looked_at(measure: Measure) -> None:
    many = [asks(range(2))]
    ended = []
    for number, _ in measure.together(many):
        ended.append(number)
        if len(many) < 4:
            many.append(asks(range(2), rate=0.01 * (1 + len(many) // 2)))
    assert ended == [0, 1, 2, 3]


def test_what_is_known_ends_at_once_and_in_order(measure: Measure, train: Interrupting) -> None:
    first = measure.alone(asks(range(2)))
    trained = train.cohorts
    assert dict(measure.together([asks(range(2)), asks(range(1))])) == {0: first, 1: first[:1]}
    assert train.cohorts == trained


def test_thoughts_are_spread_over_answers(measure: Measure, train: Interrupting) -> None:
    """Six thoughts beside three cohorts: none before the first answer, all before the last."""
    thought = []

    def thinks() -> Steps[None]:
        for left in reversed(range(6)):
            yield Thought(left)
            thought.append(train.cohorts)

    list(measure.together([asks(range(3)), thinks()]))
    assert thought == [1, 1, 1, 2, 2, 2]


def test_earlier_ones_think_first(measure: Measure) -> None:
    thought: list[int] = []

    def thinks(number: int) -> Steps[int]:
        for left in reversed(range(3)):
            yield Thought(left)
            thought.append(number)
        return number

    assert [end for _, end in measure.together([thinks(0), thinks(1)])] == [0, 1]
    assert thought == [0, 0, 0, 1, 1, 1]
