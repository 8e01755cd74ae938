"""The shape of the repository: what lies where, what imports what, links that hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qsched

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "optuna", "sqlalchemy", "sklearn", "scipy", "plotly", "rich", "typer")


def _files(pattern: str) -> list[Path]:
    """Return the project's own files, without environments and builds."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob(pattern))
    return sorted(
        path
        for path in found
        if not any(part.startswith(".") or part in ("build", "dist") for part in path.parts)
    )


@pytest.mark.parametrize("folder", ["search_spaces", "studies", "workers"])
def test_folders_of_data_hold_no_code(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert list((ROOT / folder).rglob("*.py")) == []


def test_bundled_files_have_one_home() -> None:
    assert not (ROOT / "qsched" / "_bundled").exists()


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("qsched, qsched.specs, qsched.registry, qsched.schedules, qsched.plugins", HEAVY),
        ("qsched.testing.decay, qsched.testing.executor", HEAVY),
        ("qsched.tasks, qsched.native", (*HEAVY, "numba")),
    ],
)
def test_imports_stay_light(modules: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {modules}; print(*sorted(set({absent}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_changelog_knows_the_version() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == qsched.__version__


@pytest.mark.parametrize("page", _files("*.md"), ids=str)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / page).read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", text)
    files = [target.split("#")[0] for target in targets if "://" not in target]
    broken = [name for name in files if name and not (ROOT / page.parent / name).exists()]
    assert broken == []


MODULES = [
    path
    for path in _files("qsched/**/*.py")
    if "migrations" not in path.parts and (ROOT / path).read_text()
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_are_small_and_say_what_they_are(module: Path) -> None:
    text = (ROOT / module).read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= 400
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in names or module == Path("qsched/__init__.py")
