"""``qsched validate``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from qsched.cli.kinds import KINDS, Kind, bundled_files, find
from qsched.cli.options import JsonOption, PluginOption, use_plugins
from qsched.cli.output import print_json
from qsched.errors import InputError, SpecError

__all__ = ["validate"]


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES", help="Bundled names or paths.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All bundled files.")] = False,
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check files, and print every error of every file, with its line.

    \b
        qsched validate my.yaml best.yaml
        qsched validate --all
    """
    if bool(files) == everything:
        raise InputError("give files or --all; try: qsched validate --all")
    use_plugins(plugin)
    named = list(_all()) if everything else [(name, None) for name in files or ()]
    errors = {name: _errors(name, kind) for name, kind in named}
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


def _errors(name: str, kind: Kind | None) -> list[str]:
    try:
        if kind is None:
            kind, _ = find(name)
        kind.load(name)
    except SpecError as error:
        return [f"{error.source}: {problem}" for problem in error.problems]
    except InputError as error:
        return str(error).splitlines()
    return []
