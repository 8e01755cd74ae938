"""The suite of executors finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from qsched.errors import TrainingError
from qsched.execution import Answers, Cohort, Inline
from qsched.execution.board import Rank, in_order
from qsched.testing.executor import ExecutorTestCase
from qsched.testing.trainings import swapped

FAILURES = AssertionError, IndexError, TrainingError, pytest.fail.Exception


class Suite(ExecutorTestCase):
    make = None


class Reversed(Inline):
    """Answers the last cohort with the index of the first."""

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        return super().run(cohorts[::-1])


class Needy(Inline):
    """Cannot do with no cohorts."""

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        yield [(0, self._train(cohorts[0]))]
        yield from ([(i + 1, self._train(c))] for i, c in enumerate(cohorts[1:]))


class Deaf(Inline):
    """Trains what there is at first."""

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        yield from super().run(tuple(cohorts), rank)


class Once(Inline):
    """Serves one call."""

    used = False

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        if not self.used:
            self.used = True
            yield from super().run(cohorts)


class Silent(Inline):
    """Goes on where training fails."""

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        for index, cohort in enumerate(cohorts):
            try:
                yield from ([(index, results)] for [(_, results)] in super().run([cohort]))
            except TrainingError:
                continue


class Blunt(Inline):
    """Takes every mistake for one of training."""

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        try:
            yield from super().run(cohorts)
        except Exception as error:
            raise TrainingError(str(error)) from error


class Late(Inline):
    """Answers what an earlier call left unanswered."""

    left: tuple[Cohort, ...] = ()

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        waiting, self.left = (*self.left, *cohorts), tuple(cohorts)
        for index, cohort in enumerate(waiting[: len(cohorts)]):
            yield [(index, self._train(cohort))]
            self.left = self.left[1:]


class Trusting(Inline):
    """Takes any results."""

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[Answers]:
        yield from ([(i, self._train(cohort))] for i, cohort in enumerate(cohorts))


@pytest.mark.parametrize(
    ("test", "make"),
    [
        (Suite().test_results_belong_to_their_cohorts, Reversed),
        (Suite().test_no_cohorts, Needy),
        (Suite().test_cohorts_that_are_added_meanwhile_are_trained_in_the_same_call, Deaf),
        (Suite().test_it_serves_many_calls, Once),
        (Suite().test_an_exception_becomes_one_line_after_what_was_finished, Silent),
        (Suite().test_a_mistake_of_the_user_stays_one, Blunt),
        (Suite().test_an_error_while_results_are_used_ends_the_call, Late),
        (lambda make: Suite().test_results_of_other_runs_are_refused(make, swapped), Trusting),
    ],
)
def test_finds(test: Callable[[object], None], make: type[Inline]) -> None:
    test(Inline)
    with pytest.raises(FAILURES):
        test(make)
