"""Plugin files: run once, named by their hash; their faults are one line."""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path

import pytest

from qsched.errors import InputError
from qsched.plugins import Plugin, load_plugin, loaded_plugins


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


def test_returns_the_hash_of_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "x = 1\n")
    assert load_plugin(path) == hashlib.sha256(b"x = 1\n").hexdigest()


def test_runs_once_for_its_content(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"with open({str(log)!r}, 'a') as file:\n    file.write('x')\n"
    path = _write(tmp_path, text)
    load_plugin(path)
    load_plugin(path)
    assert log.read_text() == "x"
    path.write_text(text + "# changed\n")
    load_plugin(path)
    assert log.read_text() == "xx"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "mine.py"]


def test_functions_keep_their_name_in_every_process(tmp_path: Path) -> None:
    path = _write(tmp_path, "def double(x):\n    return 2 * x\n")
    name = f"qsched_plugin_{load_plugin(path)[:16]}"
    copy = pickle.loads(pickle.dumps(sys.modules[name].double))
    assert copy(4) == 8
    assert sys.modules[name].__file__ == str(path)


def test_future_imports_are_the_plugin_s_own(tmp_path: Path) -> None:
    path = _write(tmp_path, "def f(x: 1 + 1): ...\nassert f.__annotations__ == {'x': 2}\n")
    load_plugin(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nx = x / 0\n", "line 2 raises ZeroDivisionError: division by zero"),
        ("def f():\n    g()\n\nf()\n", "line 2 raises NameError"),
        ("import json\n\njson.loads('{')\n", "line 3 raises JSONDecodeError"),
        ("x = (\n", "line 1 raises SyntaxError: '\\(' was never closed"),
        ("x = 1\nimport nowhere_at_all\n", "line 2 raises ModuleNotFoundError"),
        ("raise SystemExit(0)\n", "line 1 raises SystemExit"),
        ("\0", "raises (SyntaxError|ValueError)"),
        (
            "from qsched.registry import DATASETS\nDATASETS.add('digits', print)\n",
            "line 2 raises InputError: the data set name `digits` is taken",
        ),
    ],
)
def test_faults_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        load_plugin(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):  # a faulty plugin does not count as loaded
        load_plugin(path)


@pytest.mark.parametrize("name", ["missing.py", "."])
def test_unreadable_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="must be a readable Python file"):
        load_plugin(tmp_path / name)


def test_travels_by_content(tmp_path: Path) -> None:
    path = _write(tmp_path, "import this_is_not_run_yet\n")
    plugin = pickle.loads(pickle.dumps(Plugin.read(path)))
    path.unlink()
    with pytest.raises(InputError, match=r"mine\.py must run without errors, but line 1"):
        plugin.load()
    sha256 = Plugin("/elsewhere/mine.py", b"y = 2\n").load()
    assert sha256 == hashlib.sha256(b"y = 2\n").hexdigest()
    assert loaded_plugins()["mine.py"] == sha256
