"""What ``import qsched`` offers: to type checkers as at run time, without importing torch."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import qsched
from qsched import specs
from qsched.errors import InputError

PUBLIC = ["Precision", "__version__", "attach", "convert", "quantize", "summary", "task"]


def test_the_members_are_these() -> None:
    assert qsched.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(qsched))
    for name in PUBLIC:
        assert getattr(qsched, name) is not None
    with pytest.raises(AttributeError, match="`qsched` has no attribute `quantise`"):
        qsched.quantise  # noqa: B018


def test_type_checkers_see_each_of_them() -> None:
    assert qsched.__file__ is not None
    tree = ast.parse(Path(qsched.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module, name.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert {name for _, name in imported} == {*PUBLIC} - {"__version__"}
    for module, name in imported:
        home = importlib.import_module(str(module))
        assert getattr(home, name) is getattr(qsched, name)


def test_the_names_of_functions_are_not_those_of_packages() -> None:
    code = """
import types, qsched.attachment.lightning
from qsched import *
assert not any(isinstance(found, types.ModuleType) for found in (attach, convert, quantize, task))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_torch_is_imported_on_first_use() -> None:
    code = """
import sys, qsched
assert "torch" not in sys.modules
qsched.quantize
assert "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weights": "3-bit"}, "weights of a precision: input should be 'ternary'.*got '3-bit'"),
        ({"wights": "ternary"}, "a precision has the fields weights, .*, not wights"),
        ({"first": "x", "last": None}, "(?s)first of a precision.*last of a precision"),
    ],
)
def test_a_wrong_precision(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        qsched.Precision(**values)
    right = qsched.Precision(weights="4-bit")
    assert isinstance(right, specs.Precision)
    assert right.model_dump() == specs.Precision(weights="4-bit").model_dump()
