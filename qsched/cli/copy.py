"""``qsched cp``."""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
from typing import Annotated

import typer

from qsched.cli.kinds import STUDY_NAME, find
from qsched.errors import InputError

__all__ = ["cp", "write"]


def cp(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A bundled study, space or schedule.")
    ],
    destination: Annotated[
        pathlib.Path, typer.Argument(metavar="DEST", help="A new file, or a folder.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Copy a bundled file, to start one of your own. A study takes the name of its new file.

    \b
        qsched cp digits-ana my.yaml
        qsched cp ana-cvpr-partition-homogeneous-static schedules/
    """
    kind, source = find(name)
    target = destination / source.name if destination.is_dir() else destination
    text = source.read_text(encoding="utf-8")
    if kind.name == "study" and re.fullmatch(STUDY_NAME, target.stem):
        # Two studies of one name and different content cannot share a database.
        text = re.sub(r"(?m)^name: .*$", f"name: {target.stem}", text, count=1)
    write(target, text, force=force)
    typer.echo(str(target))


def write(target: pathlib.Path, text: str, *, force: bool) -> None:
    """Write a text file as a whole or not at all.

    Raises:
        InputError: it exists, and ``force`` is not given.
        OSError: it cannot be written.
    """
    if target.exists() and not force:
        raise InputError(f"`{target}` exists; choose another path, or replace it with --force")
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
