"""Study files that something has gone wrong with: 1,000 and more, the same ones every time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import yaml

from qsched.files import bundled, bundled_names
from qsched.service.documents import JSON, YAML

__all__ = ["HOSTILE", "fuzzed"]

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "only a comment": b"# nothing",
    "a number": b"17",
    "a list": b"[1, 2]",
    "not UTF-8": b"name: \xff\xfe",
    "UTF-16": "name: toy".encode("utf-16"),
    "NUL": b"name: a\x00b",
    "control characters": b"name: \x07\x1b[31m",
    "unclosed": b"{[{[",
    "a tab": b"name:\n\tx: 1",
    "Python object": b"name: !!python/object/apply:os.system ['touch /tmp/qsched-pwned']",
    "Python name": b"space: !!python/name:os.system",
    "own tag": b"!study {name: a}",
    "binary tag": b"name: !!binary aGVsbG8=",
    "set tag": b"name: !!set {a, b}",
    "billion laughs": b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    "a loop": b"a: &a [*a]",
    "merge key": b"a: &a {b: 1}\nc:\n  <<: *a",
    "two documents": b"name: a\n---\nname: b",
    "deep lists": b"[" * 20_000,
    "deep mappings": b"{a: " * 10_000,
    "deep blocks": b"\n".join(b" " * i + b"a:" for i in range(300)),
    "deep compact lists": b"- " * 20_000,
    "questions": b"? " * 20_000,
    "a long number": b"seed: " + b"9" * 6_000,
    "a long fraction": b"seed: 1." + b"0" * 6_000,
    "infinity": b"seed: .inf",
    "not a number": b"seed: .nan",
    "many keys": b"".join(b"k%d: 1\n" % i for i in range(5_000)),
    "many equal keys": b"name: a\n" * 5_000,
    "a long word": b"name: " + b"a" * 60_000,
    "a long list": b"baselines: [" + b"x," * 30_000 + b"]",
}
"""What strangers send, as YAML."""

_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    10**9,
    10**400,
    -(2**63),
    1e308,
    1e-300,
    0.5,
    "",
    "x",
    "../../etc/passwd",
    "/etc/passwd",
    "file:///etc/passwd",
    "ana.yaml",
    "$(reboot)",
    "'; DROP TABLE qsched_studies; --",
    "\u0000",
    "\ud83d",
    "🦆" * 50,
    [],
    {},
    [[]],
    {"a": {"b": "c"}},
    ["ana-2019-overlapped"] * 70,
)
_BYTES = b"\x00\t\n :-[]{}&*!|>'\"%@`#,?\xff\xc3=~0"


def fuzzed(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield ``count`` pairs of a media type and a body.

    They are bundled study files with one to four changes each: of values and keys (sent as YAML or
    as JSON), of lines, or of bytes.
    """
    random_ = random.Random(seed)
    names = bundled_names("studies")
    for _ in range(count):
        name = random_.choice(names)
        text = (bundled("studies") / f"{name}.yaml").read_text(encoding="utf-8")
        kind = random_.randrange(3)
        if kind == 0:
            data = yaml.safe_load(text)
            for _ in range(random_.randint(1, 4)):
                _change(random_, data)
            if random_.random() < 0.5:
                yield JSON[0], json.dumps(data).encode()
            else:
                yield YAML[0], yaml.safe_dump(data, allow_unicode=False).encode()
        elif kind == 1:
            yield YAML[0], _lines(random_, text).encode()
        else:
            yield random_.choice((JSON[0], YAML[0])), _bytes(random_, text.encode())


def _change(random_: random.Random, data: Any) -> None:
    """Change one value somewhere, or remove or add one."""
    while True:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        if not keys:
            return
        key = random_.choice(keys)
        if isinstance(data[key], dict | list) and random_.random() < 0.7:
            data = data[key]
            continue
        match random_.randrange(4):
            case 0:
                del data[key]
            case 1 if isinstance(data, dict):
                data[random_.choice(("x", "", "name", "__class__", "a.b", "🦆"))] = data.pop(key)
            case _:
                data[key] = random_.choice(_VALUES)
        return


def _lines(random_: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(random_.randint(1, 4)):
        at, other = random_.randrange(len(lines)), random_.randrange(len(lines))
        match random_.randrange(4):
            case 0:
                lines[at] = "  " + lines[at]
            case 1:
                lines.insert(at, lines[other])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                lines[at] = lines[at].split(":")[0] + random_.choice((":", ": !!x y", ": &a *a"))
    return "\n".join(lines)


def _bytes(random_: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(changed))
        match random_.randrange(3):
            case 0:
                changed[at] = random_.choice(_BYTES)
            case 1:
                del changed[at : at + random_.randrange(200)]
            case _:
                changed[at:at] = bytes([random_.choice(_BYTES)]) * random_.randint(1, 50)
        changed = changed or bytearray(b"x")
    return bytes(changed)
