"""Tables of names: built-ins, entry points, plugins; nothing is replaced silently."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from qsched import registry
from qsched.errors import InputError, UnknownNameError
from qsched.registry import DATASETS, NETWORKS, Registry

ROOT = Path(__file__).parents[1]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Return a table with two built-ins, and an installed package that brings three names."""
    installed = EntryPoints(
        EntryPoint(name, value, "qsched.numbers")
        for name, value in [("tau", "math:tau"), ("pi", "math:inf"), ("gone", "math:nothing")]
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: installed.select(group=group))
    return Registry("number", {"pi": "math:pi", "e": "math:e"}, "qsched.numbers")


def test_names_of_all_origins(table: Registry) -> None:
    table.add("one", 1)
    assert table.names() == ("e", "gone", "one", "pi", "tau")
    assert "tau" in table
    assert "phi" not in table


def test_loads_by_reference(table: Registry) -> None:
    table.add("one", 1)
    assert (table.load("e"), table.load("tau"), table.load("one")) == pytest.approx(
        (2.718281828, 6.283185307, 1)
    )


def test_an_entry_point_replaces_no_builtin(table: Registry) -> None:
    assert table.load("pi") == pytest.approx(3.14159265)


def test_names_need_no_import() -> None:
    table = Registry("thing", {"broken": "no_such_module:x"}, "qsched.none")
    assert table.names() == ("broken",)
    table.check("broken")


def test_pages_name_every_data_set_and_network() -> None:
    words = ["eight", "nine", "ten", "eleven", "twelve"]
    networks, datasets = NETWORKS.builtins, DATASETS.builtins
    assert f"and {words[len(networks) - 8]} networks;" in (ROOT / "README.md").read_text()
    page = (ROOT / "docs/tasks.md").read_text()
    for name in (*networks, *datasets):
        assert f"\n| `{name}` |" in page


@pytest.mark.parametrize("name", ["pi", "tau", "one"])
def test_a_taken_name_is_refused(table: Registry, name: str) -> None:
    table.add("one", 1)
    with pytest.raises(InputError, match=f"the number name `{name}` is taken"):
        table.add(name, 5)


def test_adding_the_same_object_again_is_harmless(table: Registry) -> None:
    value = object()
    table.add("one", value)
    table.add("one", value)
    assert table.load("one") is value


def test_unknown_names_suggest_the_nearest(table: Registry) -> None:
    for ask in (table.load, table.check):
        with pytest.raises(UnknownNameError, match="unknown number `tao`; did you mean `tau`?"):
            ask("tao")


@pytest.mark.parametrize("reference", ["no_such_module:x", "math:nothing"])
def test_a_reference_that_cannot_be_imported(reference: str) -> None:
    table = Registry("thing", {"broken": reference}, "qsched.none")
    with pytest.raises(InputError, match=f"`broken` must be importable as {reference}"):
        table.load("broken")


@pytest.mark.parametrize(
    ("table", "parameters"), [("DATASETS", "spec folder"), ("NETWORKS", "width classes")]
)
def test_every_builtin_can_be_loaded(table: str, parameters: str) -> None:
    """In a process of its own: other tests add names to the tables of this one."""
    code = f"""
from inspect import signature
from qsched.registry import {table} as table
print(*(" ".join(signature(table.load(name)).parameters) for name in table.names()), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) >= 7
    assert set(lines) == {parameters}
