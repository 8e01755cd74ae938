"""A file as data that knows its lines, and its conversion to a model with all faults at once."""

from __future__ import annotations

import copy
import json
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from qsched.errors import InputError, Problem, SpecError, nearest
from qsched.files.text import Path, Value, dotted, parse

__all__ = ["Document", "broken_rules", "describe", "load"]

M = TypeVar("M", bound=BaseModel)

_BROKEN_RULES = "broken_rules"


def broken_rules(problems: Iterable[tuple[Path, str]]) -> PydanticCustomError:
    """Return an error for a validator to raise: several faults, each at its own place.

    Args:
        problems: place, relative to the model that raises, and message.
    """
    faults = tuple(problems)
    text = "; ".join(f"{dotted(path)}: {message}" if path else message for path, message in faults)
    return PydanticCustomError(_BROKEN_RULES, "{text}", {"text": text, "problems": faults})


@dataclass(frozen=True)
class Document:
    """The data of a YAML file and the line of each of its values.

    Attributes:
        source: its path or another name, for messages.
        data: what it holds.
        lines: line of every value, by path from the top.
    """

    source: str
    data: Value
    lines: Mapping[Path, int]

    @classmethod
    def read(cls, path: pathlib.Path) -> Self:
        """Read a YAML file.

        Raises:
            SpecError: it is not YAML text.
            InputError: it cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise SpecError(str(path), [Problem(f"not UTF-8 text: {error}")]) from None
        except OSError as error:
            raise InputError(f"cannot read `{path}`: {error.strerror}") from None
        return cls.of(text, str(path))

    @classmethod
    def of(cls, text: str, source: str = "text") -> Self:
        """Take YAML text from elsewhere, called ``source`` in messages."""
        data, lines = _parsed(text, source)
        return cls(source, copy.deepcopy(data), lines)  # Whoever reads it may change its data.

    def problem(self, message: str, path: Path = ()) -> Problem:
        """Return a fault at the place ``path``, or at the nearest place above it."""
        known = path
        while known not in self.lines and known:
            known = known[:-1]
        return Problem(message, dotted(path), self.lines.get(known))

    def to(self, model: type[M]) -> M:
        """Return the data as a ``model``.

        A file with a ``format`` that the model does not read has this one fault only.

        Raises:
            SpecError: with every fault, in the order of lines.
        """
        self._check_format(model)
        read, details = _read(model, self.data)
        if read is not None:
            return read
        found = [problem for detail in details for problem in self._problems(model, detail)]
        known = self._without_unknown_keys(details)
        if known is not None:
            # Rules that join several keys are checked only where no key is unknown.
            told = {problem.path for problem in found}
            rest = _read(model, known)[1]
            more = [problem for detail in rest for problem in self._problems(model, detail)]
            found += [problem for problem in more if problem.path not in told]
        unique = dict.fromkeys(found)
        raise SpecError(self.source, sorted(unique, key=lambda p: p.line or 0))

    def _without_unknown_keys(self, details: Sequence[ErrorDetails]) -> Value | None:
        """Return the data without what is unknown in it; None where all is known."""
        unknown = [self._place(d) for d in details if d["type"] == "extra_forbidden"]
        if not unknown:
            return None
        data = copy.deepcopy(self.data)
        for *path, key in unknown:
            node = data
            for part in path:
                node = node[part]
            node.pop(key, None)
        return data

    def _check_format(self, model: type[BaseModel]) -> None:
        field = model.model_fields.get("format")
        if field is None or not isinstance(self.data, dict):
            return
        read = get_args(field.annotation)
        found = self.data.get("format")
        if found not in read:
            formats = " or ".join(f"`{name}`" for name in read)
            message = f"this version of qsched reads {formats}, but got {_shown(found)}"
            raise SpecError(self.source, [self.problem(message, ("format",))])

    def _problems(self, model: type[BaseModel], detail: ErrorDetails) -> list[Problem]:
        path, kind = self._place(detail), detail["type"]
        if kind == _BROKEN_RULES:
            faults = detail["ctx"]["problems"]
            return [self.problem(message, (*path, *inner)) for inner, message in faults]
        return [self.problem(describe(model, detail), path)]

    def _place(self, detail: ErrorDetails) -> Path:
        """Return the path in the data that pydantic's location means: without tags of unions."""
        path: list[str | int] = []
        node: Any = self.data
        for part in detail["loc"]:
            if _holds(node, part):
                path.append(part)
                node = node[part]
        if detail["type"] == "missing":
            path.append(detail["loc"][-1])
        return tuple(path)


@lru_cache(maxsize=64)
def _parsed(text: str, source: str) -> tuple[Value, Mapping[Path, int]]:
    """Parse a text, or remember it: a study reads each of its schedules four times."""
    return parse(text, source)


def _read(model: type[M], data: Value) -> tuple[M | None, list[ErrorDetails]]:
    """Return the data as a ``model``, or else None and every fault that counts."""
    try:
        return model.model_validate_json(json.dumps(data)), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]

    def follows(detail: ErrorDetails) -> bool:
        """Whether a list is too short only because one of its items is faulty."""
        size = len(detail["loc"])
        return detail["type"] == "too_short" and any(
            len(place) > size and place[:size] == detail["loc"] for place in places
        )

    return None, [detail for detail in details if not follows(detail)]


def load(model: type[M], path: pathlib.Path) -> M:
    """Read a YAML file as a ``model``.

    Raises:
        SpecError: the file breaks rules; with every fault and its line.
        InputError: the file cannot be read.
    """
    return Document.read(path).to(model)


def describe(model: type[BaseModel], detail: ErrorDetails) -> str:
    """Return what is wrong and how to mend it, for one error of pydantic's about ``model``."""
    kind, location = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(str(location[-1]), _keys(model, location[:-1]))}"
    if kind == "missing":
        return "this key is required"
    if kind == "union_tag_not_found":
        return f"the key {detail['ctx']['discriminator'].replace(chr(39), '`')} is required"
    if kind == "union_tag_invalid":
        key, tag = detail["ctx"]["discriminator"].strip("'"), detail["ctx"]["tag"]
        expected = re.findall("'([^']*)'", detail["ctx"]["expected_tags"])
        return f"unknown {key} `{tag}`; {nearest(tag, expected)}"
    if kind == "literal_error" and isinstance(detail["input"], str):
        expected = re.findall("'([^']*)'", detail["ctx"]["expected"])
        return f"unknown value `{_cut(detail['input'])}`; {nearest(detail['input'], expected)}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message if kind == "value_error" else f"{message}, but got {_shown(detail['input'])}"


def _holds(node: Value, part: int | str) -> bool:
    return (
        part in node
        if isinstance(node, dict)
        else isinstance(node, list | tuple) and isinstance(part, int)
    )


def _shown(value: Value, limit: int = 60) -> str:
    return _cut("nothing" if value is None else json.dumps(value), limit)


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _keys(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """Return the keys that models at ``location`` (which holds tags of unions) may have."""
    types: list[Any] = [model]
    for part in location:
        models = [kind for kind in types if _is_model(kind)]
        inner = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        inner += [get_args(kind)[-1] for kind in types if get_origin(kind) is dict]
        if isinstance(part, int):
            inner += [arg for kind in types if get_origin(kind) is tuple for arg in get_args(kind)]
        if not inner:
            inner = [m for m in models if _has_tag(m, part)]
        types = [kind for annotation in inner for kind in _alternatives(annotation)]
    return {name for kind in types if _is_model(kind) for name in kind.model_fields}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _has_tag(model: type[BaseModel], tag: int | str) -> bool:
    return any(
        get_origin(field.annotation) is Literal and tag in get_args(field.annotation)
        for field in model.model_fields.values()
    )


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for arg in get_args(annotation) for kind in _alternatives(arg)]
    return [annotation]
