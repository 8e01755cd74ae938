"""The page on schedules: its files load, its code runs, its lists are complete."""

from __future__ import annotations

import itertools
import pathlib
import re

import numpy as np
import pytest

from qsched.files import Document, bundled_names
from qsched.schedules import Place, depths
from qsched.schedules.decay import Decay
from qsched.schedules.file import ScheduleFile, dump, load_schedule
from qsched.schedules.knots import resolve
from qsched.spaces import SearchSpace

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "schedules.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_files_load() -> None:
    schedule, space = _blocks("yaml")
    assert Document.of(schedule).to(ScheduleFile).schedule.overrides
    assert Document.of(space).to(SearchSpace).parameters


def test_code_runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = load_schedule("ana-rule").schedule
    knots = resolve(schedule, [Place("weights", d) for d in depths(3)])
    file = ScheduleFile(name="x", schedule=schedule, resolved=knots)
    (tmp_path / "schedule.yaml").write_text(dump(file), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    follow, python = _blocks("python")
    names: dict[str, float] = {"step": 15, "steps": 300}
    exec(follow, names)  # type: ignore[arg-type]
    expected = schedule.at(0.05, [Place("weights", 0.0)])[0, 0]
    assert names["std"] == pytest.approx(expected, abs=1e-3)
    exec(python, names)  # type: ignore[arg-type]
    assert names["backward_std"] == pytest.approx((1 / np.sqrt(12)) * 0.25)


def test_lists_are_complete() -> None:
    listed = set()
    for name in re.findall(r"`([a-z0-9-]+(?:-\{[^`]*)?)`", PAGE):
        parts = [part.strip("{}").split(",") for part in re.findall(r"\{[^}]*\}|[^{}]+", name)]
        listed |= {"".join(choice) for choice in itertools.product(*parts)}
    assert set(bundled_names("search_spaces/handcoded")) <= listed
    assert set(bundled_names("search_spaces")) <= listed
    shapes = {kind.model_fields["shape"].default for kind in Decay.__origin__.__args__}
    assert shapes <= listed
