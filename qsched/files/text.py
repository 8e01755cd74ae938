"""YAML text to plain data with line numbers, and back.

The YAML read here is the JSON subset that people expect: ``1e-3`` is a number, ``yes`` and dates
are text, keys are text and stand once, and there are no tags, anchors and aliases.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from qsched.errors import Problem, SpecError

__all__ = ["Path", "Value", "dotted", "parse", "to_yaml"]

Value = Any
"""What JSON can hold: None, bool, int, float, str, list, dict with text keys."""

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a file to one of its values."""

_TAG = "tag:yaml.org,2002:"
_NUMBERS = list("-+.0123456789")
_SCALARS: dict[str, tuple[str, list[str], Callable[[str], Value]]] = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""], lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF"), lambda text: text[0] in "tT"),
    "int": (r"[-+]?[0-9]+", _NUMBERS, int),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        _NUMBERS,
        lambda text: float(re.sub(r"\.(?=[iInN])", "", text)),
    ),
}


class _Reader(yaml.SafeLoader):
    """Composes nodes with the scalar types of :data:`_SCALARS` and without aliases."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not read; write the value out",
                problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        return super().compose_node(parent, index)


class _Writer(yaml.SafeDumper):
    """Quotes text that :class:`_Reader` would take for something else."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # Only double quotes keep the line breaks that are none in JSON.
        odd = any(mark in text for mark in "\x85\u2028\u2029")
        style = '"' if odd else ">" if len(text) > 72 else None
        return self.represent_scalar(_TAG + "str", text, style=style)


_Writer.add_representer(str, _Writer.represent_text)

for _name, (_pattern, _first, _) in _SCALARS.items():
    for _class in (_Reader, _Writer):
        _class.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), _first)


def parse(text: str, source: str) -> tuple[Value, dict[Path, int]]:
    """Return the data of a YAML text and the line of every value (of its key, where it has one).

    Raises:
        SpecError: the text is not YAML, or is YAML beyond JSON's data; with all such faults.

    >>> parse("a: [1, 2]\\nb: 1e-3", "example")[0]
    {'a': [1, 2], 'b': 0.001}
    """
    try:
        node = yaml.compose(text, Loader=_Reader)
        builder = _Builder()
        data = builder.build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise SpecError(source, [Problem(message, line=line)]) from None
    except yaml.YAMLError as error:
        raise SpecError(source, [Problem(f"not YAML text: {error}")]) from None
    except RecursionError:
        raise SpecError(source, [Problem("nested too deeply")]) from None
    if builder.problems:
        raise SpecError(source, builder.problems)
    return data, builder.lines


def to_yaml(data: Value) -> str:
    """Return YAML text that :func:`parse` reads back as ``data``, short lists on one line."""
    text: str = yaml.dump(
        data,
        Dumper=_Writer,
        sort_keys=False,
        default_flow_style=None,
        width=99,
        allow_unicode=True,
    )
    return text


class _Builder:
    """Turns composed nodes into data, collecting lines and faults on the way."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path) -> Value:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        data: dict[str, Value] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem("a key must be text", dotted(path), line))
                continue
            key = str(key_node.value)
            if key in data:
                first = self.lines[(*path, key)]
                message = f"this key stands twice, first in line {first}; remove one"
                self.problems.append(Problem(message, dotted((*path, key)), line))
                continue
            self.lines[(*path, key)] = line
            data[key] = self.build(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.Node, path: Path) -> Value:
        name = node.tag.removeprefix(_TAG)
        if name == "str":
            return node.value
        try:
            return _SCALARS[name][2](node.value)
        except KeyError:
            message = f"the tag `{node.tag}` is not read; write plain values"
        except ValueError as error:
            message = f"not a number that can be read: {error}"
        self.problems.append(Problem(message, dotted(path), node.start_mark.line + 1))
        return None


def dotted(path: Path) -> str:
    """Return a path as people write it.

    >>> dotted(("learning_rate", "drops", 0, "at"))
    'learning_rate.drops[0].at'
    """
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")
