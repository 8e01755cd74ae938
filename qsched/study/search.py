"""The search: candidates in batches, asked ahead of results, raced, recorded in order.

Batch b is asked from, and raced against, what is known after batch b - 1 - ahead. So ``ahead``
batches may train while it is asked, and no worker waits for the end of one; yet what is asked and
who is compared with whom depend on results alone, not on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from optuna.trial import FrozenTrial

from qsched.schedules import Schedule
from qsched.spaces import SearchSpace
from qsched.specs import Rung, StudySpec
from qsched.study.arms import Arm
from qsched.study.measure import Measure
from qsched.study.racing import Raced, incumbents, race
from qsched.study.records import Records, as_asked
from qsched.study.sampling import Asked
from qsched.study.steps import Steps, Thought

__all__ = ["Ask", "Search"]


class Ask(Protocol):
    """Asks for candidates: a function of the results so far, and of nothing else."""

    def __call__(
        self,
        history: Sequence[FrozenTrial],
        count: int,
        *,
        batch: int,
        pending: Sequence[Asked],
    ) -> Iterable[Asked]:
        """Yield ``count`` candidates; see :func:`~qsched.study.sampling.ask`."""
        ...


Tell = Callable[[int, Sequence[Raced]], None]
"""Is told how many candidates are finished, and those of the last batch."""


@dataclass
class Search:
    """The candidates of one study.

    Attributes:
        spec: the study.
        space: its space.
        ask: where candidates come from.
        records: its trials; those of the baselines are there.
        known: the baselines.
        rungs: what candidates climb.
        raced: finished candidates, in order.
    """

    spec: StudySpec
    space: SearchSpace
    ask: Ask
    records: Records
    known: Sequence[Raced]
    rungs: Sequence[Rung]
    raced: list[Raced] = field(default_factory=list)
    _asked: list[Asked] = field(default_factory=list)

    def run(self, measure: Measure, tell: Tell) -> list[Raced]:
        """Return the candidates of the whole budget."""
        spec, early, finished = self.spec, dict[int, list[Raced]](), 0
        count = ceil(spec.budget.trials / spec.sampler.batch)
        batches = [self._batch(number) for number in range(min(1 + spec.sampler.ahead, count))]
        for number, ended in measure.together(batches):
            early[number] = ended
            while finished in early:
                self._record(early.pop(finished), tell)
                finished += 1
                if len(batches) < count:
                    batches.append(self._batch(len(batches)))
        return self.raced

    def _batch(self, number: int) -> Steps[list[Raced]]:
        places = self._places(number)
        yield Thought(len(places))  # Earlier batches are asked first.
        yield from self._ask(number)
        arms = [
            Arm(f"trial-{len(self.known) + i}", "candidate", self._decode(self._asked[i]))
            for i in places
        ]
        seen = self.raced[: self._seen(number)]
        return (yield from race(arms, self.rungs, incumbents([*self.known, *seen])))

    def _ask(self, number: int) -> Steps[None]:
        """Take a batch as recorded where it is, else ask for it, candidate by candidate."""
        first, places = len(self.known), self._places(number)
        recorded = self.records.trials[first + places.start : first + places.stop]
        if len(recorded) == len(places):
            self._asked += map(as_asked, recorded)
            return
        seen = self._seen(number)
        history, pending = self.records.trials[: first + seen], self._asked[seen:]
        asking = self.ask(history, len(places), batch=number, pending=pending)
        for left, asked in zip(reversed(range(len(places))), asking, strict=True):
            self._asked.append(asked)
            yield Thought(left)

    def _record(self, ended: Sequence[Raced], tell: Tell) -> None:
        first = len(self.raced)
        asked = self._asked[first : first + len(ended)]
        self.records.write(len(self.known) + first, list(zip(asked, ended, strict=True)))
        self.raced += ended
        tell(len(self.raced), ended)

    def _places(self, number: int) -> range:
        """Return which candidates a batch has."""
        size = self.spec.sampler.batch
        return range(number * size, min((number + 1) * size, self.spec.budget.trials))

    def _seen(self, number: int) -> int:
        """Return how many candidates are finished, as far as a batch is to know."""
        return self._places(max(number - self.spec.sampler.ahead, 0)).start

    def _decode(self, asked: Asked) -> Schedule:
        return asked.schedule or self.space.decode(asked.params)
