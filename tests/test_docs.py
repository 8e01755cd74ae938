"""The documentation: its code runs, its site is complete, its API pages name what exists."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest
import yaml

from qsched.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

# Pages whose blocks are run here, one after the other, in one folder and one namespace.
RUN = ("docs/tutorial.md", "docs/accelerators.md", "README.md")

# Pages whose code is run by tests of its own.
ELSEWHERE = {
    "docs/attach.md": "tests/attachment/test_docs.py",
    "docs/controller.md": "tests/learning/test_controller.py",
    "docs/report.md": "tests/report/test_page.py",
    "docs/schedbench.md": "tests/learning",
    "docs/schedules.md": "tests/schedules/test_docs.py",
    "docs/storage.md": "tests/storage/test_docs.py",
    "docs/tasks.md": "tests/test_examples.py",
}

BLOCK = re.compile(r'^```(python|sh|yaml)(?: title="(.+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
SKIP = "<!-- not run"


def pages() -> list[Path]:
    return sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Return language, title and text of a page's blocks, without those that are marked."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        before = text[: match.start()].rstrip().splitlines()
        if not (before and before[-1].startswith(SKIP)):
            found.append((match[1], match[2] or "", match[3]))
    return found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", RUN)
def test_code_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for language, title, text in blocks(ROOT / page):
        if language == "yaml" and title:
            (tmp_path / title).write_text(text, encoding="utf-8")
        if language == "sh":
            for line in text.splitlines():
                program, *arguments = shlex.split(line, comments=True)
                assert program == "qsched", line
                assert main(arguments) == 0, line
        if language == "python":
            exec(compile(text, f"{page}: {text.splitlines()[0]}", "exec"), namespace)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_on_every_page_is_run_somewhere(page: Path) -> None:
    name = str(page.relative_to(ROOT))
    if any(language == "python" for language, _, _ in blocks(page)) and name not in RUN:
        assert name in ELSEWHERE, f"run {name} here, or name the test that runs its code"
        assert (ROOT / ELSEWHERE[name]).exists()


def nav(entries: list[object]) -> list[str]:
    found = []
    for entry in entries:
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            found += nav(value) if isinstance(value, list) else [str(value)]
    return found


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = nav(yaml.safe_load(text)["nav"])
    assert len(listed) == len(set(listed))
    assert set(listed) == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_the_api_page_names_what_exists() -> None:
    names = re.findall(r"^::: ([\w.]+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.M)
    assert len(names) > 20
    for name in names:
        parts = name.split(".")
        for cut in range(len(parts), 0, -1):
            try:
                value: object = importlib.import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for part in parts[cut:]:
                value = getattr(value, part)
            break
        assert getattr(value, "__doc__", None), name
