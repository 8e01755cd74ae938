"""Every algorithm has a card; its schedules are legal and its figures those of the code."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from qsched.quantizers import CODEBOOKS, FAMILIES, STAIRS
from qsched.schedules import Ana, Inq, Partition, Place, Schedule

CARDS = Path(__file__).parents[2] / "docs" / "methods"
SECTIONS = ("What it does", "Formula", "In a schedule file", "What to expect", "Source")


def text(name: str) -> str:
    return (CARDS / f"{name}.md").read_text(encoding="utf-8")


def schedules(name: str) -> list[Schedule]:
    blocks = re.findall(r"```yaml\n(.*?)```", text(name), re.DOTALL)
    loaded = [yaml.safe_load(block)["schedule"] for block in blocks]
    return [Schedule.model_validate_json(json.dumps(schedule)) for schedule in loaded]


def test_every_algorithm_has_a_card():
    algorithms = {method.model_fields["kind"].default for method in (Ana, Inq)} | {"ste"}
    assert {path.stem for path in CARDS.glob("*.md")} >= algorithms


@pytest.mark.parametrize("name", sorted(path.stem for path in CARDS.glob("*.md")))
def test_a_card_is_complete_and_its_schedules_are_legal(name):
    headings = re.findall(r"^## (.*)$", text(name), re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == list(SECTIONS)
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", text(name).split("## Source")[1])
    assert schedules(name)


def test_the_cards_name_every_option():
    for option in (*FAMILIES, *STAIRS, "expectation", "mode", "random"):
        assert f"`{option}`" in text("ana")
    for option in (*CODEBOOKS, *get_args(Partition)):
        assert f"`{option}`" in text("inq")


def test_the_parameters_of_the_families_are_those_of_the_code():
    rows = re.findall(r"^\| `(\w+)` \|.*?\| (.*?) \| .*\|$", text("ana"), re.MULTILINE)
    stated = {name: value for name, value in rows if name in FAMILIES}
    # The code's unit is the whole support for uniform noise and sqrt 2 deviations for normal.
    for name, per_parameter in (("uniform", 2), ("triangular", 1), ("logistic", 1)):
        value = float(stated[name].rsplit("= ", 1)[1])
        assert value == pytest.approx(FAMILIES[name].width / per_parameter, abs=5e-5)
    assert FAMILIES["normal"].width == pytest.approx(math.sqrt(2) * float(stated["normal"]))


def test_the_schedule_of_the_ste_card_never_anneals():
    (schedule,) = schedules("ste")
    for role in ("weights", "activations"):
        values = schedule.at([0.0, 0.5, 1.0], [Place(role, 0.5)])[:, 0]
        assert values[:, 0].tolist() == [0, 0, 0]
        assert values[:, 2] == pytest.approx(1 / math.sqrt(12))


def test_the_schedule_of_the_inq_card_freezes_in_four_stages():
    (schedule,) = schedules("inq")
    frozen = schedule.at([0.0, 0.3, 0.5, 0.7, 0.9], [Place("weights", 0.5)])[:, 0, 3]
    assert frozen.tolist() == [0.0, 0.5, 0.75, 0.875, 1.0]
