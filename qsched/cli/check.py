"""``qsched validate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from qsched.cli.kinds import KINDS, Kind, bundled_files, find
from qsched.cli.options import JsonOption, PluginOption, use_plugins
from qsched.cli.output import print_json
from qsched.cli.remote import ServerOption, TokenFileOption, remote
from qsched.errors import InputError, SpecError
from qsched.files import Document, resolve

__all__ = ["validate"]

Check = Callable[[Kind, str], object]
"""Reads the file of a kind by its name or path, or raises InputError."""


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES", help="Bundled names or paths.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All bundled files.")] = False,
    plugin: PluginOption = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check files, and print every error of every file, with its line.

    Models of plugin files are computed once, on data of their studies.
    With --server, a study file is checked for what that server would take.

    \b
        qsched validate my.yaml best.yaml
        qsched validate --all
    """
    if bool(files) == everything:
        raise InputError("give files or --all; try: qsched validate --all")
    use_plugins(plugin)
    named = list(_all()) if everything else [(name, None) for name in files or ()]
    with _checker(server, token_file) as check:
        errors = {name: _errors(name, kind, check) for name, kind in named}
    if as_json:
        print_json([{"file": name, "errors": found} for name, found in errors.items()])
    else:
        for found in errors.values():
            for line in found:
                typer.echo(f"error: {line}", err=True)
        faulty = sum(map(bool, errors.values()))
        typer.echo(f"{len(errors)} checked, {len(errors) - faulty} valid, {faulty} with errors")
    if any(errors.values()):
        raise typer.Exit(InputError.exit_code)


def _all() -> Iterator[tuple[str, Kind]]:
    for kind in KINDS:
        for name, _ in bundled_files(kind):
            yield name, kind


@contextmanager
def _checker(server: str | None, token_file: Path | None) -> Iterator[Check]:
    """Yield what checks a file: the code here, or a server."""
    if server is None:
        yield _check_here
        return
    with remote(server, token_file) as there:
        yield lambda kind, name: there.check(Document.read(resolve(kind.folder, name)))


def _check_here(kind: Kind, name: str) -> None:
    """Read a file; where it is a study of a plugin file's model, compute that model once, too."""
    from qsched.plugins import loaded_plugins
    from qsched.specs import StudySpec

    found = kind.load(name)
    if not isinstance(found, StudySpec) or not loaded_plugins():
        return
    from qsched.cli.stored import check_task
    from qsched.registry import NETWORKS
    from qsched.tasks import OwnNetwork

    if isinstance(NETWORKS.load(found.task.network.name), OwnNetwork):
        check_task(found.task)


def _errors(name: str, kind: Kind | None, check: Check) -> list[str]:
    try:
        if kind is None:
            kind, _ = find(name)
        check(kind, name)
    except SpecError as error:
        return [f"{error.source}: {problem}" for problem in error.problems]
    except InputError as error:
        return str(error).splitlines()
    return []
