"""What makes a search space legal: parameters and holes in their places, legal points."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from qsched.errors import nearest
from qsched.files import Path, describe
from qsched.schedules import Schedule
from qsched.spaces.parameters import Choice, Parameter, Value, is_active
from qsched.spaces.template import Reference, fill, is_choose, origin, references

__all__ = ["faults"]

Fault = tuple[Path, str]
Parameters = Mapping[str, Parameter]


def faults(parameters: Parameters, template: dict[str, Any]) -> list[Fault]:
    """Return every fault of a space: place (from the top of its file) and message.

    The points that are tried out, extremes of all ranges under every choice, are tried only when
    nothing else is wrong.
    """
    found = [*_of_parameters(parameters), *_of_form(template, ("schedule",))]
    for reference in references(template):
        found += _of_reference(reference, parameters)
    found += _unused(parameters, template)
    return found or list(_of_points(parameters, template))


def _of_parameters(parameters: Parameters) -> Iterator[Fault]:
    earlier: dict[str, Parameter] = {}
    for name, parameter in parameters.items():
        for message in parameter.faults():
            yield ("parameters", name), message
        for parent, values in parameter.when.items():
            path: Path = ("parameters", name, "when", parent)
            condition = earlier.get(parent)
            if not isinstance(condition, Choice):
                yield path, f"`{parent}` must be a choice parameter that stands before `{name}`"
            else:
                for value in set(values) - set(condition.choices):
                    hint = nearest(value, condition.choices)
                    yield path, f"`{parent}` has no choice `{value}`; {hint}"
        earlier[name] = parameter


def _of_form(tree: Any, path: Path) -> Iterator[Fault]:
    if is_choose(tree):
        if tree.keys() != {"choose", "cases"} or not isinstance(tree["cases"], dict):
            yield path, "must hold `choose: parameter` and `cases: {choice: ...}` and nothing else"
            return
    elif not isinstance(tree, dict | list):
        return
    for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from _of_form(branch, (*path, key))


def _of_reference(reference: Reference, parameters: Parameters) -> Iterator[Fault]:
    path: Path = ("schedule", *reference.path)
    parameter = parameters.get(reference.name)
    if parameter is None:
        hint = nearest(reference.name, parameters)
        yield path, f"no parameter is called `{reference.name}`; {hint}"
        return
    for parent, values in parameter.when.items():
        if reference.context.get(parent) not in values:
            cases = " or ".join(f"`{value}`" for value in values)
            yield path, f"`{reference.name}` must stand inside the case {cases} of `{parent}`"
    if reference.cases is None:
        return
    if not isinstance(parameter, Choice):
        yield path, f"`choose` needs a choice parameter, but `{reference.name}` is none"
        return
    for case in set(reference.cases) - set(parameter.choices):
        hint = nearest(case, parameter.choices)
        yield (*path, "cases", case), f"`{reference.name}` has no choice `{case}`; {hint}"
    for choice in set(parameter.choices) - set(reference.cases):
        yield (*path, "cases"), f"the choice `{choice}` of `{reference.name}` needs a case"


def _unused(parameters: Parameters, template: dict[str, Any]) -> Iterator[Fault]:
    uses = list(references(template))
    for name, parameter in parameters.items():
        contexts = [use.context for use in uses if use.name == name]
        involved = {key for context in contexts for key in context} | parameter.when.keys()
        for choices in _assignments(parameters, involved):
            if is_active(parameter, choices) and not any(
                context.items() <= choices.items() for context in contexts
            ):
                where = ", ".join(f"{key}={value}" for key, value in choices.items())
                suffix = f" where {where}" if where else ""
                yield ("parameters", name), f"used nowhere in the schedule{suffix}"
                break


def _assignments(parameters: Parameters, involved: set[str]) -> Iterator[dict[str, Value]]:
    """Yield the values that the involved choice parameters can have together."""
    names = [name for name, p in parameters.items() if name in involved and isinstance(p, Choice)]
    for values in itertools.product(*(parameters[name].ends() for name in names)):
        chosen: dict[str, Value] = {}
        for name, value in zip(names, values, strict=True):
            known = {key: v for key, v in parameters[name].when.items() if key in names}
            if all(chosen.get(key) in v for key, v in known.items()):
                chosen[name] = value
        yield chosen


def _of_points(parameters: Parameters, template: dict[str, Any]) -> Iterator[Fault]:
    seen = set()
    for point in _extremes(parameters):
        try:
            Schedule.model_validate_json(json.dumps(fill(template, point)))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path: Path = ("schedule", *origin(template, point, detail["loc"]))
                if detail["type"] == "missing":
                    path = (*path, detail["loc"][-1])
                message = describe(Schedule, detail)
                if (path, message) not in seen:
                    seen.add((path, message))
                    yield path, message


def _extremes(parameters: Parameters) -> Iterator[dict[str, Value]]:
    """Yield points with all ranges at one end, and every choice of every parameter once."""
    for focus, parameter in parameters.items():
        for value in parameter.ends():
            for end in (0, -1):
                point: dict[str, Value] = {}
                for name, other in parameters.items():
                    wanted = parameters[focus].when | {focus: (value,)}
                    if is_active(other, point):
                        fixed = wanted.get(name, ())
                        point[name] = fixed[0] if fixed else other.ends()[end]
                yield point
