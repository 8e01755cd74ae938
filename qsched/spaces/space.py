"""The search space: parameters and a schedule with holes, as data."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.errors import Problem, SpecError, nearest
from qsched.files import broken_rules, load, resolve
from qsched.schedules import Schedule
from qsched.schedules.base import Frozen
from qsched.spaces.check import faults
from qsched.spaces.parameters import Parameter, Value, is_active
from qsched.spaces.template import fill, match

__all__ = ["SearchSpace", "load_space"]


class SearchSpace(Frozen):
    """Named parameters, and the schedule that each of their points stands for.

    Attributes:
        format: version of the file format.
        name: the space's name.
        about: what it spans, in a line or two.
        reference: where its form comes from.
        parameters: the dimensions, in the order in which they are asked for; a conditional one
            stands after those that its condition names.
        schedule: a :class:`Schedule` as plain data, with holes ``$name`` for the values of
            parameters, and ``{choose: name, cases: {choice: subtree}}``.

    Raises:
        ValidationError: a hole or a parameter is not used as it must be, or a point of the space
            is no legal schedule; files are read by :func:`load_space`, which says all that is
            wrong with its line.

    >>> space = SearchSpace(
    ...     name="end",
    ...     parameters={"end": {"type": "float", "low": 0.5, "high": 1.0}},
    ...     schedule={"window": {"end": "$end"}, "learning_rate": {"initial": 0.01}},
    ... )
    >>> space.decode({"end": 0.75}).window.end
    0.75
    """

    format: Literal["qsched/space/1"] = "qsched/space/1"
    name: str
    about: str = ""
    reference: str = ""
    parameters: dict[str, Parameter] = Field(min_length=1)
    schedule: dict[str, Any]

    @model_validator(mode="after")
    def _legal(self) -> Self:
        problems = faults(self.parameters, self.schedule)
        if problems:
            raise broken_rules(problems)
        return self

    def suggest(self, ask: Callable[[str, Parameter], Value]) -> dict[str, Value]:
        """Ask for the value of every active parameter, in order, and return them.

        Args:
            ask: called with the name of a parameter and itself; what it returns is not checked.

        >>> point = load_space("ana").suggest(lambda name, parameter: parameter.quantile(0.5))
        >>> load_space("ana").decode(point).weights.kind
        'ana'
        """
        point: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            if is_active(parameter, point):
                point[name] = ask(name, parameter)
        return point

    def random(self, rng: np.random.Generator) -> dict[str, Value]:
        """Return a random point, each active parameter uniform on its own scale.

        Args:
            rng: gives the numbers; a generator of the same state gives the same point.
        """
        return self.suggest(lambda name, parameter: parameter.draw(rng))

    def decode(self, point: Mapping[str, Value]) -> Schedule:
        """Return the schedule of a point.

        Args:
            point: the values of all active parameters and of no others.

        Raises:
            SpecError: a value is missing, unknown, inactive or out of range; with all of them.
        """
        problems = self._problems(point)
        if problems:
            raise SpecError(f"a point of the space `{self.name}`", problems)
        return Schedule.model_validate_json(json.dumps(fill(self.schedule, point)))

    def encode(self, schedule: Schedule) -> dict[str, Value] | None:
        """Return the point whose schedule equals ``schedule``, or None if there is none.

        >>> from qsched.schedules.file import load_schedule
        >>> load_space("ana").encode(load_schedule("inq-halves").schedule) is None
        True
        """
        plain = schedule.model_dump(mode="json")
        for found in match(self.schedule, plain, {}):
            if not self._problems(found) and self.decode(found) == schedule:
                return {name: found[name] for name in self.parameters if name in found}
        return None

    def _problems(self, point: Mapping[str, Value]) -> list[Problem]:
        problems = []
        for name in point.keys() - self.parameters.keys():
            problems.append(Problem(f"no such parameter; {nearest(name, self.parameters)}", name))
        for name, parameter in self.parameters.items():
            active = is_active(parameter, dict(point))
            if active and name not in point:
                problems.append(Problem("an active parameter needs a value", name))
            elif not active and name in point:
                problems.append(Problem(f"active only when {parameter.when}; leave it out", name))
            elif active and not parameter.holds(point[name]):
                ends = parameter.ends()
                problems.append(Problem(f"must be within {ends}, but got {point[name]!r}", name))
        return problems


def load_space(name: str | pathlib.Path) -> SearchSpace:
    """Return a bundled search space by its name, or another one by the path of its file.

    Args:
        name: a bare name, or a path: anything with a ``/`` or a suffix.

    Raises:
        SpecError: the file breaks rules; with every fault and its line.
        UnknownNameError: no bundled space has this name.
        InputError: the file cannot be read.

    >>> space = load_space("ana")
    >>> point = space.random(np.random.default_rng(0))
    >>> space.encode(space.decode(point)) == point
    True
    """
    return load(SearchSpace, resolve("search_spaces", name))
