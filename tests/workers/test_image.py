"""The Dockerfile: which build of torch it asks for, and where."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.workers.files import ROOT

DOCKERFILE = (ROOT / "workers" / "Dockerfile").read_text().replace("\\\n", " ")
ARGUMENTS = dict(re.findall(r"^ARG (\w+)=(\S*)$", DOCKERFILE, flags=re.M))
[INSTALL] = re.findall(r"^RUN (.*pip install.*)$", DOCKERFILE, flags=re.M)


@pytest.mark.parametrize(
    ("torch", "index"),
    [(None, "https://download.pytorch.org/whl/cpu"), ("2.13.0", "")],
)
def test_a_build_for_gpus_does_not_look_where_builds_for_cpus_are(
    tmp_path: Path, torch: str | None, index: str
) -> None:
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\necho "$PIP_EXTRA_INDEX_URL|$PIP_CONSTRAINT|$1"\n')
    pip.chmod(0o755)
    pinned = tmp_path / "constraints.txt"
    pinned.write_text("numpy==2.0\ntorch==1\n")
    values = ARGUMENTS if torch is None else ARGUMENTS | {"TORCH": torch}
    done = subprocess.run(
        ["sh", "-c", INSTALL],
        env={**values, "PATH": f"{tmp_path}:/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{index}|constraints.txt|install\n"
    assert pinned.read_text() == f"numpy==2.0\ntorch=={values['TORCH']}\n"


def test_the_build_for_cpus_is_the_one_that_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert f"torch=={ARGUMENTS['TORCH'].partition('+')[0]}" in [p.partition("+")[0] for p in pins]
