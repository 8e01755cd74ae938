"""Documents: every fault at its line, in words that say the fix."""

from __future__ import annotations

import pathlib
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from qsched.errors import InputError, SpecError
from qsched.files import Document, broken_rules, load


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Circle(Strict):
    kind: Literal["circle"]
    radius: Annotated[float, Field(gt=0)]


class Square(Strict):
    kind: Literal["square"]
    side: float


class Part(Strict):
    shape: Annotated[Circle | Square, Field(discriminator="kind")] | None = None
    sizes: tuple[int, ...] = ()


class Drawing(Strict):
    format: Literal["drawing/1", "drawing/2"]
    parts: dict[str, Part] = {}
    grid: tuple[Part, ...] = ()
    low: int = 0
    high: int = 1
    color: Literal["red", "green"] = "red"
    widths: Annotated[
        tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(min_length=1)
    ] = (1.0,)

    @model_validator(mode="after")
    def _rules(self) -> Drawing:
        faults = []
        if self.low >= self.high:
            faults.append((("low",), "low < high must hold"))
        faults += [(("parts", name), "is empty") for name, p in self.parts.items() if not p.sizes]
        if faults:
            raise broken_rules(faults)
        return self


def _faults(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        Document.of(text).to(Drawing)
    return [str(problem) for problem in caught.value.problems]


def test_a_good_file() -> None:
    drawing = Document.of("format: drawing/2\ngrid: [{sizes: [1, 2]}]").to(Drawing)
    assert drawing.grid[0].sizes == (1, 2)


def test_who_reads_a_text_may_change_its_data() -> None:
    text = "format: drawing/1\nlow: 0\nparts: {a: {sizes: [1]}}\n"
    first = Document.of(text)
    first.data["parts"]["a"]["sizes"].append(2)
    assert Document.of(text).to(Drawing).parts["a"].sizes == (1,)


def test_faults_of_form() -> None:
    text = """\
format: drawing/1
parts:
  a: {shape: {kind: circle, radius: -1, side: 2}}
  b: {shape: {kind: sqare}}
  c: {shape: {side: 1}}
grid:
  - {size: [1]}
  - {sizes: [1, 2.5]}
  - {shape: {kind: square}}
colour: red
"""
    assert _faults(text) == [
        "line 3: parts.a.shape.radius: should be greater than 0, but got -1",
        "line 3: parts.a.shape.side: unknown key; known: kind, radius",
        "line 4: parts.b.shape: unknown kind `sqare`; did you mean `square`?",
        "line 5: parts.c.shape: the key `kind` is required",
        "line 7: grid[0].size: unknown key; did you mean `sizes`?",
        "line 8: grid[1].sizes[1]: should be a valid integer, but got 2.5",
        "line 9: grid[2].shape.side: this key is required",
        "line 10: colour: unknown key; did you mean `color`?",
    ]


def test_faults_of_meaning_each_at_its_place() -> None:
    text = "format: drawing/1\nlow: 3\nparts:\n  a: {sizes: [1]}\n  b: {}\n"
    assert _faults(text) == ["line 2: low: low < high must hold", "line 5: parts.b: is empty"]


def test_an_unknown_key_hides_no_broken_rule() -> None:
    text = "format: drawing/1\nlwo: 1\nlow: 3\nparts:\n  a: {size: 1}\n"
    assert _faults(text) == [
        "line 2: lwo: unknown key; did you mean `low`?",
        "line 3: low: low < high must hold",
        "line 5: parts.a.size: unknown key; did you mean `sizes`?",
        "line 5: parts.a: is empty",
    ]


def test_an_enumerated_name_suggests_the_nearest() -> None:
    assert _faults("format: drawing/1\ncolor: gren") == [
        "line 2: color: unknown value `gren`; did you mean `green`?"
    ]
    assert _faults("format: drawing/1\ncolor: 3") == [
        "line 2: color: should be 'red' or 'green', but got 3"
    ]
    (fault,) = _faults(f"format: drawing/1\ncolor: {'x' * 500}")
    assert fault.endswith("...`; known: green, red")


def test_a_list_is_not_too_short_for_a_faulty_item() -> None:
    assert _faults("format: drawing/1\nwidths: [.inf]") == [
        "line 2: widths[0]: should be a finite number, but got Infinity"
    ]
    (fault,) = _faults("format: drawing/1\nwidths: []")
    assert "should have at least 1 item" in fault


def test_broken_rules_outside_files_are_one_message() -> None:
    with pytest.raises(ValueError, match="low: low < high must hold; parts.b: is empty"):
        Drawing(format="drawing/1", low=3, parts={"b": Part()})


@pytest.mark.parametrize("text", ["format: drawing/3\nx: 1", "x: 1"])
def test_an_unknown_format_hides_what_it_would_cause(text: str) -> None:
    (fault,) = _faults(text)
    assert "this version of qsched reads `drawing/1` or `drawing/2`, but got" in fault


@pytest.mark.parametrize("text", ["", "- 1", "just text"])
def test_not_a_mapping(text: str) -> None:
    (fault,) = _faults(text)
    assert "should be an object" in fault


def test_long_values_are_cut() -> None:
    (fault,) = _faults(f"format: drawing/1\nlow: {'x' * 500}")
    assert len(fault) < 150


def test_files_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load(Drawing, tmp_path)
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="not UTF-8 text"):
        load(Drawing, binary)
