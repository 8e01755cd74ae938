"""``qsched db``: check, upgrade, export and import the study database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qsched.cli.options import DATABASE, DatabaseOption, JsonOption
from qsched.cli.output import print_json, print_table
from qsched.cli.stored import opened
from qsched.errors import InputError

__all__ = ["check", "export_dump", "import_dump", "upgrade"]


def check(
    study: Annotated[
        list[str] | None,
        typer.Option("--study", metavar="NAME", help="Only this study; may be repeated."),
    ] = None,
    db: DatabaseOption = DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Check that what is stored is whole: hashes, runs, trials, budgets, verdicts.

    It prints each rule that is broken, with the rows that break it, and exits with 1 if there are
    any. Nothing is changed. docs/storage.md lists the rules.

    \b
        qsched db check
        qsched db check --db postgresql+psycopg://me@host/studies --study digits-ana
    """
    from qsched.study.invariants import RULES, violations

    with opened(db) as storage:
        found = violations(storage, study)
        url = storage.url
    if as_json:
        print_json([{**asdict(one), "means": RULES[one.rule]} for one in found])
    else:
        for rule in dict.fromkeys(one.rule for one in found):
            typer.echo(f"{rule}: {RULES[rule]}, but")
            rows = [(one.study or "", one.row) for one in found if one.rule == rule]
            print_table(("study", "found"), rows)
            typer.echo()
        broken = len({one.rule for one in found})
        typer.echo(f"{url}: {len(RULES) - broken} of {len(RULES)} rules hold")
    if found:
        raise typer.Exit(1)


def upgrade(
    db: DatabaseOption = DATABASE,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="An older schema, to go back to the release that had it."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="There is a backup; migrate.")] = False,
) -> None:
    """Bring a database to the schema of this release, or back to an older one.

    Without --yes it says what would be done and how to make a backup. A migration is one
    transaction: it is done as a whole or not at all.

    \b
        qsched db upgrade
        qsched db upgrade --yes
        qsched db upgrade --to v0.1.0 --yes
    """
    from qsched.storage.engine import connect, shown
    from qsched.storage.schema import change_schema, schema_version
    from qsched.storage.tables import HEAD

    target, engine = to or HEAD, connect(db)
    try:
        found = schema_version(engine)
        if found == target:
            typer.echo(f"{shown(engine)} has schema {target} already")
            return
        if not yes:
            raise InputError(
                f"a migration starts from a backup, and {shown(engine)} goes from schema {found} "
                f"to {target}; stop what uses it, make a backup ({_backup(engine.dialect.name)}), "
                "and repeat the command with --yes"
            )
        change_schema(engine, target)
        typer.echo(f"{shown(engine)}: schema {found} -> {target}")
    finally:
        engine.dispose()


def export_dump(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder, or a new file *.zip.")],
    study: Annotated[
        list[str] | None,
        typer.Option("--study", metavar="NAME", help="Only this study; may be repeated."),
    ] = None,
    db: DatabaseOption = DATABASE,
) -> None:
    """Write studies with all their runs and trials to files: Parquet for runs, JSON for the rest.

    What is exported can be read by other programs, and imported into another database of either
    kind. A study may go on meanwhile: its copy is one that was interrupted.

    \b
        qsched db export studies.zip
        qsched db export digits/ --study digits-ana
    """
    from qsched import __version__
    from qsched.storage.dump import dump, write_package
    from qsched.storage.rows import now
    from qsched.storage.tables import HEAD

    with opened(db) as storage:
        files, counts = dump(storage, study)
    about = {
        "created": now().isoformat(timespec="seconds") + "Z",
        "qsched": __version__,
        "schema": HEAD,
        "rows": asdict(counts),
    }
    write_package(out, files, about)
    typer.echo(f"{out}: {_words(asdict(counts))}")


def import_dump(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="What `qsched db export` wrote.", exists=True)
    ],
    db: DatabaseOption = DATABASE,
) -> None:
    """Add exported studies to a database, which is created where there is none.

    All of them are added, or none: a database that has a study of the same name is left as it is.
    `qsched run` goes on with a study that was not finished.

    \b
        qsched db import studies.zip --db postgresql+psycopg://me@host/studies
    """
    from qsched.storage.dump import read_package, restore

    files = read_package(source)
    with opened(db, create=True) as storage:
        counts = restore(storage, files)
        typer.echo(f"{storage.url}: {_words(asdict(counts))}")


def _backup(dialect: str) -> str:
    if dialect == "sqlite":
        return "copy the file and, where they are there, FILE-wal and FILE-shm"
    return "pg_dump --format=custom --file studies.dump NAME"


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
