"""The page of findings says what the shipped data say."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from qsched.cli import main
from qsched.files import bundled
from qsched.learning.claims.claims import load_claims
from qsched.report.card import card_markdown
from qsched.specs.heuristics import load_heuristics

pytest.importorskip("pyarrow")

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "findings.md").read_text(encoding="utf-8")
DATA = bundled("studies/data")


def test_every_line_of_the_claims_table_follows_from_the_shipped_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["claims", "--markdown"]) == 0
    table = capsys.readouterr().out.splitlines()
    page = PAGE.splitlines()
    start = page.index(table[0])
    assert page[start : start + len(table)] == table
    claims = load_claims().claims
    assert len(table) == 2 + len(claims) + sum(len(claim.lines) for claim in claims)


def test_the_card_on_the_page_is_that_of_the_heuristics() -> None:
    drawn = {path.stem for path in (DOCS / "img" / "learned").glob("*.png")}
    card = card_markdown(load_heuristics(), pictures="img/learned", drawn=drawn)
    assert card in PAGE
    # Every picture there is belongs to the card of today.
    shown = set(re.findall(r"\]\(img/learned/(.+)\.png\)", card))
    assert shown == drawn


def test_the_heuristics_were_learned_from_the_shipped_files() -> None:
    for name, digest in load_heuristics().data.items():
        path = DATA.parent / name if name.startswith("data/") else DATA / name
        assert sha256(path.read_bytes()).hexdigest() == digest
