"""Study files as they come over the network: text of anybody, read within limits."""

from __future__ import annotations

import json
from typing import Any

import yaml

from qsched.errors import Problem, SpecError
from qsched.files import Document
from qsched.service.errors import MediaError

__all__ = ["JSON", "YAML", "received"]

JSON = ("application/json",)
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain")
SOURCE = "study file"

_VALUES = 5_000
_TOO_MANY = f"more than {_VALUES} keys and values; no study file needs as many"


def received(body: bytes, media_type: str, depth: int) -> Document:
    """Return a received study file as a document.

    YAML is read by :func:`qsched.files.parse`: plain values only, no tags, no aliases. What is
    nested too deeply, or has too many values, is refused before it is built.

    Args:
        body: the text, UTF-8.
        media_type: one of :data:`JSON` and :data:`YAML`; parameters after a ``;`` do not matter.
        depth: the most levels of nesting.

    Raises:
        MediaError: another media type.
        SpecError: the text cannot be read; with every fault.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind not in JSON + YAML:
        raise MediaError(
            f"a study file is sent as {JSON[0]} or {YAML[0]}, but got `{kind or 'no media type'}`"
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _fault(f"not UTF-8 text: {error.reason} at byte {error.start}") from None
    if kind in JSON:
        return Document(SOURCE, _json(text, depth), {})
    _check_size(text, depth)
    return Document.of(text, SOURCE)


def _fault(message: str, line: int | None = None) -> SpecError:
    return SpecError(SOURCE, [Problem(message, line=line)])


def _json(text: str, depth: int) -> Any:
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _fault(f"not JSON text: {error.msg}", error.lineno) from None
    except ValueError as error:
        raise _fault(f"not JSON text that can be read: {error}") from None
    except RecursionError:
        raise _fault(_too_deep(depth)) from None
    level, count = [data], 1
    for _ in range(depth + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        count += len(level)
    if level:
        raise _fault(_too_deep(depth))
    if count > _VALUES:
        raise _fault(_TOO_MANY)
    return data


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key `{double[:60]}` stands twice; remove one")
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _check_size(text: str, depth: int) -> None:
    level = count = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            count += isinstance(event, yaml.NodeEvent)
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
            if level > depth:
                line = event.start_mark.line + 1 if event.start_mark else None
                raise _fault(_too_deep(depth), line)
            if count > _VALUES:
                raise _fault(_TOO_MANY)
    except yaml.YAMLError:
        return  # The reader says what is wrong, with its line.


def _too_deep(depth: int) -> str:
    return f"nested more than {depth} levels deep; no study file needs that"
