"""A schedule with holes: how a point of a space fills it, and how a schedule is matched with it.

The vocabulary has two words. The text ``$name`` is a hole for the value of a parameter.
``{choose: name, cases: {choice: subtree, ...}}`` stands for the subtree of the choice made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qsched.files import Path
from qsched.spaces.parameters import Value

__all__ = ["Reference", "fill", "hole", "is_choose", "match", "origin", "references"]

Tree = Any
"""Plain data: None, bool, int, float, str, list, dict with text keys."""


@dataclass(frozen=True)
class Reference:
    """A place of a template that names a parameter.

    Attributes:
        name: the parameter.
        path: where it stands.
        context: the choices of all cases around it.
        cases: the cases there, where it is a ``choose``; None for a hole.
    """

    name: str
    path: Path
    context: Mapping[str, str]
    cases: tuple[str, ...] | None = None


def hole(tree: Tree) -> str | None:
    """Return the parameter's name if ``tree`` is a hole.

    >>> hole("$end"), hole("end")
    ('end', None)
    """
    return tree[1:] if isinstance(tree, str) and tree.startswith("$") else None


def is_choose(tree: Tree) -> bool:
    """Return whether ``tree`` chooses a subtree by a parameter."""
    return isinstance(tree, dict) and "choose" in tree


def fill(tree: Tree, point: Mapping[str, Value]) -> Tree:
    """Return ``tree`` with the values of ``point`` in its holes.

    >>> fill({"start": 0, "end": "$end"}, {"end": 0.7})
    {'start': 0, 'end': 0.7}
    """
    name = hole(tree)
    if name is not None:
        return point[name]
    if is_choose(tree):
        return fill(tree["cases"][point[tree["choose"]]], point)
    if isinstance(tree, dict):
        return {key: fill(branch, point) for key, branch in tree.items()}
    if isinstance(tree, list):
        return [fill(branch, point) for branch in tree]
    return tree


def match(tree: Tree, value: Tree, point: Mapping[str, Value]) -> Iterator[dict[str, Value]]:
    """Yield every extension of ``point`` with which ``tree`` may fill to ``value``.

    Keys of ``value`` that the template leaves out are not looked at: they may be defaults.

    >>> list(match({"a": "$x", "b": "$x"}, {"a": 1, "b": 1, "c": 0}, {}))
    [{'x': 1}]
    >>> list(match({"a": "$x", "b": "$x"}, {"a": 1, "b": 2}, {}))
    []
    """
    name = hole(tree)
    if name is not None:
        if isinstance(value, float | int | str) and point.get(name, value) == value:
            yield {**point, name: value}
    elif is_choose(tree):
        name = tree["choose"]
        for choice, branch in tree["cases"].items():
            if point.get(name, choice) == choice:
                yield from match(branch, value, {**point, name: choice})
    elif isinstance(tree, dict):
        if isinstance(value, dict) and tree.keys() <= value.keys():
            yield from _match_all([(tree[key], value[key]) for key in tree], point)
    elif isinstance(tree, list):
        if isinstance(value, list) and len(tree) == len(value):
            yield from _match_all(list(zip(tree, value, strict=True)), point)
    elif tree == value:
        yield dict(point)


def _match_all(
    pairs: list[tuple[Tree, Tree]], point: Mapping[str, Value]
) -> Iterator[dict[str, Value]]:
    if not pairs:
        yield dict(point)
        return
    (tree, value), *rest = pairs
    for extended in match(tree, value, point):
        yield from _match_all(rest, extended)


def references(
    tree: Tree, path: Path = (), context: Mapping[str, str] | None = None
) -> Iterator[Reference]:
    """Yield every hole and every ``choose`` of a template, outer ones first."""
    context = context or {}
    name = hole(tree)
    if name is not None:
        yield Reference(name, path, context)
    elif is_choose(tree):
        name = str(tree["choose"])
        cases = tree["cases"] if isinstance(tree.get("cases"), dict) else {}
        yield Reference(name, path, context, tuple(cases))
        for choice, branch in cases.items():
            inner = {**context, name: choice}
            yield from references(branch, (*path, "cases", choice), inner)
    elif isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, branch in items:
            yield from references(branch, (*path, key), context)


def origin(tree: Tree, point: Mapping[str, Value], location: Path) -> Path:
    """Return where in the template the value at ``location`` of the filled one comes from.

    Parts of ``location`` that the filled template has not (tags of unions) are skipped.
    """
    path: list[str | int] = []
    rest = list(location)
    while True:
        if is_choose(tree):
            steps: list[str | int] = ["cases", str(point[tree["choose"]])]
        elif rest:
            part = rest.pop(0)
            present = part in tree if isinstance(tree, dict) else isinstance(tree, list)
            if not present:
                continue
            steps = [part]
        else:
            return tuple(path)
        for step in steps:
            path.append(step)
            tree = tree[step]
