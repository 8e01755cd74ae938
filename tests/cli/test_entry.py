"""Exit codes, reasons, and how little the quick commands import."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qsched as package
from qsched.errors import Problem, SpecError, StorageError
from tests.cli.conftest import Qsched

ROOT = Path(package.__file__).parent.parent
COMMANDS = (
    "ls",
    "show",
    "validate",
    "cp",
    "run",
    "status",
    "report",
    "export",
    "train",
    "compare",
    "dashboard",
)


def test_version(qsched: Qsched) -> None:
    result = qsched("--version")
    assert (result.code, result.out) == (0, f"qsched {package.__version__}\n")


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)])
def test_help_lists_every_command_and_the_path_through_them(
    qsched: Qsched, args: tuple[str, ...]
) -> None:
    result = qsched(*args)
    assert result.code == 0
    for command in COMMANDS:
        assert re.search(rf"^│ {command} ", result.out, re.MULTILINE)
    path = [
        result.out.index(f"qsched {step}") for step in ("cp", "run", "report", "export", "train")
    ]
    assert path == sorted(path)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(qsched: Qsched, command: str) -> None:
    result = qsched(command, "--help")
    assert result.code == 0
    assert re.search(rf"^ +qsched {command}\b", result.out, re.MULTILINE)


@pytest.mark.parametrize(
    "args",
    [
        ("nope",),
        ("ls", "--nope"),
        ("ls", "foo"),
        ("show",),
        ("run", "digits-ana", "--trials", "0"),
        ("run", "digits-ana", "--seed", "-1"),
        ("run", "digits-ana", "--workers", "0"),
        ("run", "digits-ana", "--name", "Not A Name"),
        ("train", "ana-reverse"),
        ("validate",),
        ("validate", "--all", "digits-ana"),
    ],
)
def test_wrong_use_is_one_line_and_exits_2(qsched: Qsched, args: tuple[str, ...]) -> None:
    result = qsched(*args)
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert result.out == ""


def raising(error: BaseException) -> object:
    def ls(*args: object, **options: object) -> None:
        raise error

    return ls


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StorageError("broken"), 1, "error: broken\n"),
        (
            SpecError("a.yaml", [Problem("bad", "name", 3), Problem("worse")]),
            2,
            "error: a.yaml: line 3: name: bad\nerror: a.yaml: worse\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x"),
            1,
            "error: /x: No space left on device; "
            "free some space, or choose another disk with --out and --db\n",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/x"),
            1,
            "error: /x: Read-only file system; choose a folder that you may write to\n",
        ),
        (OSError("odd"), 1, "error: odd\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_exceptions_become_reasons_and_exit_codes(
    qsched: Qsched,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr("qsched.cli.listing.bundled_files", raising(error))
    result = qsched("ls", "studies")
    assert (result.code, result.err, result.out) == (code, message, "")


def test_a_bug_is_not_hidden(qsched: Qsched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qsched.cli.listing.bundled_files", raising(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        qsched("ls", "studies")


@pytest.mark.parametrize(
    "args",
    [
        ["ls"],
        ["show", "ana-reverse"],
        ["validate", "--all"],
        ["cp", "digits-ana", "copied.yaml"],
        ["--version"],
    ],
)
def test_quick_commands_import_nothing_heavy(tmp_path: Path, args: list[str]) -> None:
    code = (
        "import sys; from qsched.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'optuna', 'sqlalchemy', 'scipy', 'sklearn', 'plotly'};"
        "sys.exit(code or ', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
