"""The page about the database tells the truth."""

import os
import re
from pathlib import Path

import pytest
from sqlalchemy import text

from qsched.specs import digest
from qsched.storage import Storage, tables
from tests.storage.samples import SPEC, make_row

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()


def test_every_column_is_documented_in_order() -> None:
    documented: list[tuple[str, str]] = []
    table = ""
    for first, column in re.findall(r"^\|([^|]*)\| `(\w+)` \|", PAGE, flags=re.M):
        table = first.strip(" `") or table
        documented.append((table, column))
    assert documented == [
        (table.name, column.name)
        for table in (tables.studies, tables.schedules, tables.runs, tables.leases)
        for column in table.columns
    ]


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Storage.open() as storage:
        storage.save_study(SPEC, digest(SPEC))
        storage.add_runs("t", [make_row(1), make_row(2)])
    [example] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    exec(example, {})
    assert capsys.readouterr().out == "t running 2\n"
    assert os.listdir(tmp_path) == ["qsched.db"]


def test_the_query_gives_the_means_of_the_arms(storage: Storage) -> None:
    failed = {"status": "failed", "accuracy": None, "loss": None}
    storage.add_runs("t", [make_row(1, accuracy=0.5), make_row(2, accuracy=0.75)])
    storage.add_runs("t", [make_row(1, arm=1, accuracy=0.875), make_row(2, arm=1, **failed)])
    storage.add_runs("t", [make_row(3, phase="report", accuracy=0.0)])
    [query] = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.S)
    with storage.optuna.engine.connect() as connection:
        rows = connection.execute(text(query.replace("digits-ana", "t"))).all()
    assert [tuple(row) for row in rows] == [("trial-1", 1, 0.875), ("trial-0", 2, 0.625)]
