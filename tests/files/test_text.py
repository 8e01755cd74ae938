"""YAML text: JSON's data, lines, and back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsched.errors import SpecError
from qsched.files import Value, parse, to_yaml

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
data = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@given(data)
def test_what_is_written_is_read_back(value: Value) -> None:
    assert parse(to_yaml(value), "test")[0] == value


@given(st.text(st.characters(codec="utf-8"), min_size=73))
def test_so_is_long_text(text: str) -> None:
    assert parse(to_yaml({"about": text}), "test")[0] == {"about": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("010", 10),
        ("-.inf", -math.inf),
        ("yes", "yes"),
        ("off", "off"),
        ("2026-11-21", "2026-11-21"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ("~", None),
        ("true", True),
    ],
)
def test_scalars_are_those_of_json(text: str, value: Value) -> None:
    found = parse(f"x: {text}", "test")[0]["x"]
    assert found == value
    assert type(found) is type(value)


def test_nan() -> None:
    assert math.isnan(parse("x: .nan", "test")[0]["x"])


def test_lines() -> None:
    lines = parse("a:\n  - 1\n  - b: 2\n\nc:\n  d\n", "test")[1]
    assert lines == {(): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "b"): 3, ("c",): 5}


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("a: 1\nb: 2\na: 3", ["line 3: a: this key stands twice, first in line 1; remove one"]),
        ("a: &x 1\nb: *x", ["line 2: aliases are not read"]),
        ("a: 1\nb: !!python/name:os.system x", ["line 2: b: the tag"]),
        ("a: !!int x\n? [1]\n: 2", ["line 1: a: not a number", "line 2: a key must be text"]),
        ("a: [1, 2", ["line 1: while parsing a flow sequence"]),
        ("a: 1\n---\nb: 2", ["line 2: expected a single document"]),
        ("a: \x00", ["not YAML text"]),
        ("[" * 1000, ["nested too deeply"]),
    ],
)
def test_faults(text: str, messages: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text, "f.yaml")
    found = str(caught.value).splitlines()
    assert len(found) >= len(messages)
    for line, message in zip(found, messages, strict=False):
        assert message in line
        assert "f.yaml" in line or "python/name" not in line
