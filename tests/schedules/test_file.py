"""Schedule files: read back as written, faults with their lines, published schema."""

from __future__ import annotations

import json
import pathlib

import jsonschema
import pytest
from hypothesis import given, settings

from qsched.errors import InputError, SpecError, UnknownNameError
from qsched.files import Document, bundled_names, parse, resolve
from qsched.schedules import Place, Schedule, depths
from qsched.schedules.file import (
    ExpectedAccuracy,
    Provenance,
    ScheduleFile,
    dump,
    load_schedule,
)
from qsched.schedules.knots import resolve as resolve_knots
from qsched.schedules.schema import schema
from tests.schedules.strategies import schedules

PUBLISHED = pathlib.Path(__file__).parents[2] / "docs" / "schema" / "schedule-1.json"
PLACES = [Place(role, d) for role in ("weights", "activations") for d in depths(3)]

BAD = """\
format: qsched/schedule/1
name: Bad Name
schedule:
  learning_rate: {initial: 0.01}
  window: {start: 0.9, end: 0.1}
  decay: {shape: power, exponet: 2}
  weights: {kind: ana, forward_std: -1, backward_std: yes}
  overrides:
    - {role: weights}
expected: {mean: 0.9, interval: [0.91, 0.92], level: 0.95, seeds: 24, split: test}
"""


def _full(schedule: Schedule) -> ScheduleFile:
    return ScheduleFile(
        name="found-1",
        about="Found on digits: a `quoted` name, 100 % of it",
        schedule=schedule,
        task={"data": {"name": "digits"}, "epochs": 10},
        provenance=Provenance(
            study="digits-ana",
            trial=12,
            seeds=(100, 101),
            versions={"torch": "2.13.0", "qsched": "1e3"},
            schedule_sha256=schedule.sha256,
            created="2026-11-21T06:50:38Z",
        ),
        expected=ExpectedAccuracy(
            mean=0.87, interval=(0.86, 0.88), level=0.95, seeds=24, split="test"
        ),
        resolved=resolve_knots(schedule, PLACES),
    )


def _write(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / "schedule.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@settings(max_examples=12, deadline=None)
@given(schedules)
def test_a_written_file_is_read_back_and_fits_the_schema(schedule: Schedule) -> None:
    file = _full(schedule)
    text = dump(file)
    assert Document.of(text).to(ScheduleFile) == file
    jsonschema.validate(parse(text, "")[0], schema())


def test_the_published_schema_is_current() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


@pytest.mark.parametrize("name", bundled_names("search_spaces/handcoded"))
def test_bundled_files_fit_the_published_schema(name: str) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    text = resolve("search_spaces/handcoded", name).read_text(encoding="utf-8")
    jsonschema.validate(parse(text, name)[0], published)


def test_all_faults_of_a_file_with_their_lines(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_schedule(_write(tmp_path, BAD))
    found = {(problem.line, problem.path): problem.message for problem in caught.value.problems}
    assert set(found) == {
        (2, "name"),
        (5, "schedule.window"),
        (6, "schedule.decay.exponet"),
        (7, "schedule.weights.forward_std"),
        (7, "schedule.weights.backward_std"),
        (9, "schedule.overrides[0]"),
        (10, "expected"),
    }
    assert found[6, "schedule.decay.exponet"] == "unknown key; did you mean `exponent`?"
    assert "start <= end" in found[5, "schedule.window"]
    assert 'valid number, but got "yes"' in found[7, "schedule.weights.backward_std"]


@pytest.mark.parametrize("tag", ["format: qsched/schedule/2\n", "format: 1\n", ""])
def test_another_version_is_the_only_fault_named(tmp_path: pathlib.Path, tag: str) -> None:
    text = BAD.replace("format: qsched/schedule/1\n", tag)
    with pytest.raises(SpecError, match="reads `qsched/schedule/1`, but got") as caught:
        load_schedule(_write(tmp_path, text))
    assert len(caught.value.problems) == 1


def test_patterns_that_match_nothing(tmp_path: pathlib.Path) -> None:
    text = """\
format: qsched/schedule/1
name: x
schedule:
  learning_rate: {initial: 0.01}
  overrides:
    - {pattern: conv1, exclude: true}
    - {role: weights, exclude: true}
    - {depth: [0.6, 0.9], exclude: true}
"""
    path = _write(tmp_path, text)
    assert len(load_schedule(path).schedule.overrides) == 3
    with pytest.raises(SpecError) as caught:
        load_schedule(path, PLACES)
    assert [(p.line, p.path) for p in caught.value.problems] == [
        (6, "schedule.overrides[0].pattern"),
        (8, "schedule.overrides[2]"),
    ]


def test_an_edited_schedule_is_not_what_was_found(tmp_path: pathlib.Path) -> None:
    file = _full(load_schedule("ana-rule").schedule)
    path = _write(tmp_path, dump(file).replace("end: 0.7", "end: 0.6"))
    with pytest.raises(SpecError, match="was edited since it was found") as caught:
        load_schedule(path)
    assert caught.value.problems[0].path == "provenance.schedule_sha256"


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `inq-halves`"):
        load_schedule("inq-halfs")


def test_no_such_file() -> None:
    with pytest.raises(InputError, match=r"no file `none/x\.yaml`"):
        load_schedule("none/x.yaml")
