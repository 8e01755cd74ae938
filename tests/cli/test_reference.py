"""The page of all commands is written from the commands."""

from __future__ import annotations

from tests.cli.conftest import Qsched
from tests.cli.test_entry import COMMANDS, ROOT


def test_the_page_is_current(qsched: Qsched) -> None:
    page = (ROOT / "docs/cli.md").read_text()
    assert page == qsched("reference").out, "run `make docs`"


def test_the_page_has_every_command_with_its_options(qsched: Qsched) -> None:
    page = qsched("reference").out
    for command in COMMANDS:
        assert f"\n## qsched {command}\n" in page
    assert "`--trials N`" in page
    assert "reference" not in page
