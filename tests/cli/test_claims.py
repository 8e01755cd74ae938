"""What `qsched claims --run` refuses; the page of findings tests its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Qsched


def test_searches_and_ablation_are_one_after_the_other(qsched: Qsched, tmp_path: Path) -> None:
    result = qsched("claims", "--run", "--searches", "--ablation", "--confirmed", "mine")
    assert result.code == 2
    assert "give one" in result.err
    assert not (tmp_path / "claims.db").exists()


def test_an_unknown_task_is_answered_with_the_nearest(qsched: Qsched) -> None:
    pytest.importorskip("pyarrow")
    result = qsched(
        *("claims", "--run", "--ablation", "--workers", 1),
        *("--tasks", "digits-mlp9-ternary-shrt", "--confirmed", "mine"),
    )
    assert result.code == 2
    assert "did you mean `digits-mlp9-ternary-short`" in result.err
