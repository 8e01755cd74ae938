"""Bundled files by name, others by path."""

from __future__ import annotations

import pathlib

import pytest

from qsched.errors import InputError, UnknownNameError
from qsched.files import bundled, bundled_names, resolve


@pytest.mark.parametrize("kind", ["search_spaces", "search_spaces/handcoded", "studies"])
def test_names_are_those_of_the_folder(kind: str) -> None:
    names = bundled_names(kind)
    files = {path.stem for path in bundled(kind).iterdir() if path.suffix == ".yaml"}
    assert names == tuple(sorted(files - {"claims", "heuristics"}))
    assert names
    assert all(resolve(kind, name).is_file() for name in names)


def test_claims_and_heuristics_are_no_studies_but_have_a_name() -> None:
    assert not {"claims", "heuristics"} & set(bundled_names("studies"))
    assert resolve("studies", "claims").is_file()


def test_a_bare_name_is_never_a_file_here(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("x: 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="unknown search space `mine`"):
        resolve("search_spaces", "mine")
    assert resolve("search_spaces", "./mine") == pathlib.Path("mine")


def test_paths(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ana.yaml"
    with pytest.raises(InputError, match="no file"):
        resolve("search_spaces", path)
    path.write_text("x: 1")
    assert resolve("search_spaces", path) == resolve("search_spaces", str(path)) == path


def test_data_folders_hold_no_code() -> None:
    root = bundled("search_spaces").parent
    for folder in ("search_spaces", "studies", "workers"):
        assert not list((root / folder).rglob("*.py"))
    assert not (root / "qsched" / "_bundled").exists()
