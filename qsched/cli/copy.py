"""``qsched cp``."""

from __future__ import annotations

import pathlib
import re
from typing import Annotated

import typer

from qsched.cli.kinds import STUDY_NAME, find
from qsched.errors import InputError
from qsched.files.atomic import replace_file

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
        InputError: it exists, and ``force`` is not given, or its folder does not exist.
        OSError: it cannot be written.
    """
    if target.exists() and not force:
        raise InputError(f"`{target}` exists; choose another path, or replace it with --force")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target}: there is no folder `{target.parent}`; make it first")
    replace_file(target, text)
