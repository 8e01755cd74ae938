"""A file is replaced as a whole, or stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from qsched.files.atomic import replace_file


@pytest.mark.parametrize(("umask", "mode", "found"), [(0o022, 0o666, 0o644), (0, 0o600, 0o600)])
def test_permissions_are_those_of_mode_and_umask(
    tmp_path: Path, umask: int, mode: int, found: int
) -> None:
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "a.txt", "ä\n", mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "ä\n"
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == found


def test_a_reason_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "none/a.txt"
    with pytest.raises(FileNotFoundError) as caught:
        replace_file(path, "text")
    assert caught.value.filename == str(path)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
