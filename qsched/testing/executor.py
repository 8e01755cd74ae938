"""What every executor must do, whatever it trains on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import pytest

from qsched.errors import DataError, TrainingError
from qsched.execution import Executor, Train, one_by_one, split
from qsched.testing import trainings

__all__ = ["ExecutorTestCase", "Make"]

Make = Callable[[Train], Executor]


class ExecutorTestCase(ABC):
    """An executor: every cohort is answered once, and what goes wrong is said in one line.

    Override ``make`` with a fixture. Where its workers run, :mod:`qsched.testing.trainings` must
    be importable, and so pytest installed.
    """

    @abstractmethod
    def make(self) -> Make:
        """Return what makes the executor that is tested, given a training function."""

    def test_results_belong_to_their_cohorts(self, make: Make) -> None:
        cohorts = split(trainings.make_runs(23), 5)
        with make(trainings.echo) as executor:
            answers = dict(one_by_one(executor.run(cohorts)))
        assert sorted(answers) == list(range(len(cohorts)))
        for index, cohort in enumerate(cohorts):
            assert [result.key for result in answers[index]] == [run.key for run in cohort]
            assert [result.steps for result in answers[index]] == [run.seed for run in cohort]

    def test_runs_are_split_for_at_least_one_worker(self, make: Make) -> None:
        with make(trainings.echo) as executor:
            assert executor.parts(trainings.TASK) >= 1

    def test_no_cohorts(self, make: Make) -> None:
        with make(trainings.echo) as executor:
            assert list(one_by_one(executor.run([]))) == []

    def test_cohorts_that_are_added_meanwhile_are_trained_in_the_same_call(
        self, make: Make
    ) -> None:
        cohorts = split(trainings.make_runs(6), 1)
        growing, answered = cohorts[:2], []
        with make(trainings.echo) as executor:
            for index, results in one_by_one(executor.run(growing, lambda index: index)):
                assert [result.key for result in results] == [run.key for run in growing[index]]
                answered.append(index)
                growing += cohorts[len(growing) : len(growing) + 2]
        assert sorted(answered) == list(range(6))

    def test_it_serves_many_calls(self, make: Make) -> None:
        with make(trainings.echo) as executor:
            for count in (3, 7, 1):
                cohorts = split(trainings.make_runs(count), 1)
                answered = [index for index, _ in one_by_one(executor.run(cohorts))]
                assert sorted(answered) == list(range(count))

    @pytest.mark.parametrize("train", [trainings.short, trainings.swapped])
    def test_results_of_other_runs_are_refused(self, make: Make, train: Train) -> None:
        with (
            make(train) as executor,
            pytest.raises(TrainingError, match="one result a run, in their order"),
        ):
            list(one_by_one(executor.run([tuple(trainings.make_runs(4))])))

    def test_an_exception_becomes_one_line_after_what_was_finished(self, make: Make) -> None:
        cohorts = split(trainings.make_runs(5), 1)
        finished = []
        with make(trainings.raises_at_3) as executor:
            with pytest.raises(TrainingError) as caught:
                for index, _ in one_by_one(executor.run(cohorts)):
                    finished.append(index)
            assert [index for index, _ in one_by_one(executor.run(cohorts[4:]))] == [0]
        assert str(caught.value) == (
            "cohort of 1 runs (mlp9 on digits, length 1, seeds 3 to 3): ValueError: no such layer"
        )
        # Cohort 3 failed; those before it were finished or under way. While workers are replaced
        # to try it again, others may go on.
        assert sorted(finished) in ([0, 1, 2], [0, 1, 2, 4])

    def test_a_mistake_of_the_user_stays_one(self, make: Make) -> None:
        with make(trainings.lacks_data) as executor, pytest.raises(DataError) as caught:
            list(one_by_one(executor.run([tuple(trainings.make_runs(1))])))
        assert str(caught.value) == str(DataError("download the file"))
        assert caught.value.exit_code == 2

    def test_an_error_while_results_are_used_ends_the_call(self, make: Make) -> None:
        cohorts = split(trainings.make_runs(6), 1)
        with make(trainings.echo) as executor:
            with pytest.raises(KeyboardInterrupt):
                for _ in one_by_one(executor.run(cohorts)):
                    raise KeyboardInterrupt
            # No answer of the call that was left is taken for one of this.
            answers = dict(one_by_one(executor.run(cohorts[3:])))
        assert [answers[i][0].steps for i in range(3)] == [3, 4, 5]
