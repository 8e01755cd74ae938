"""``qsched ls``."""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from qsched.cli.kinds import KINDS, bundled_files
from qsched.cli.options import JsonOption
from qsched.cli.output import print_json, table
from qsched.cli.remote import ServerOption, TokenFileOption, remote
from qsched.files import Document

__all__ = ["ls"]

_WIDTH = 100


Rows = dict["Listed", list[tuple[str, str]]]
"""Names and what they are about, by kind."""


class Listed(enum.StrEnum):
    """What can be listed."""

    STUDIES = "studies"
    SPACES = "spaces"
    SCHEDULES = "schedules"
    TASKS = "tasks"


def ls(
    what: Annotated[
        Listed | None,
        typer.Argument(metavar="KIND", help="studies, spaces, schedules or tasks. Default: all."),
    ] = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List bundled studies, search spaces and schedules, and the names that tasks are made of.

    \b
        qsched ls
        qsched ls schedules
        qsched ls tasks --json
    """
    wanted = [what] if what is not None else list(Listed)
    known = _here(wanted) if server is None else _there(server, token_file)
    rows = {listed.value: known[listed] for listed in wanted}
    if as_json:
        print_json(
            [
                {"kind": kind, "name": name, "about": about}
                for kind, entries in rows.items()
                for name, about in entries
            ]
        )
        return
    tables = (table((kind, "about"), _short(entries)) for kind, entries in rows.items())
    typer.echo("\n\n".join(tables))


def _short(entries: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, textwrap.shorten(about, _WIDTH, placeholder=" ...")) for name, about in entries]


def _here(wanted: Sequence[Listed]) -> Rows:
    return {listed: list(_rows(listed)) for listed in wanted}


def _there(server: str, token_file: Path | None) -> Rows:
    rows: Rows = {listed: [] for listed in Listed}
    with remote(server, token_file) as there:
        for entry in there.catalog():
            rows[Listed(entry["kind"])].append((entry["name"], entry["about"]))
    return rows


def _rows(listed: Listed) -> Iterator[tuple[str, str]]:
    if listed is Listed.TASKS:
        yield from _tasks()
        return
    kind = next(kind for kind in KINDS if kind.plural == listed)
    for name, path in bundled_files(kind):
        yield name, str(Document.read(path).data.get("about", ""))


def _tasks() -> Iterator[tuple[str, str]]:
    from qsched.registry import DATASETS, NETWORKS

    for registry in (DATASETS, NETWORKS):
        for name in registry.names():
            yield name, registry.kind
