"""``qsched report`` and ``qsched export``: what a study leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.copy import write
from qsched.cli.options import DATABASE, DatabaseOption
from qsched.cli.remote import ServerOption, TokenFileOption, remote
from qsched.cli.stored import opened, stored_name

if TYPE_CHECKING:
    from qsched.storage import Storage

__all__ = ["default_folder", "export", "export_to", "report", "report_to"]


def report(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A stored study.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file. Default: qsched-out/STUDY/report.html."),
    ] = None,
    db: DatabaseOption = DATABASE,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
) -> None:
    """Write a study's report: one HTML file that works offline.

    An unfinished study gives a report without a verdict. The main figures are saved to the
    Optuna dashboard as well (`qsched dashboard`).

    \b
        qsched report digits-ana
        qsched report digits-ana --out digits.html
    """
    name = stored_name(study)
    path = out or default_folder(name) / "report.html"
    if server is not None:
        with remote(server, token_file) as there:
            text = there.text(name, "report")
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text, force=True)
    else:
        with opened(db) as storage:
            report_to(storage, name, path)
    typer.echo(str(path))


def export(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A stored study.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file; without it, it is printed.")
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(
            metavar="ARM", help="Another schedule than the one found, such as `trial-40`."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    db: DatabaseOption = DATABASE,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
) -> None:
    """Write the schedule that a study found as a file that can be used elsewhere.

    \b
        qsched export digits-ana --out best.yaml
        qsched export digits-ana --arm trial-40
    """
    from qsched.schedules.file import dump
    from qsched.study.export import export as exported

    name = stored_name(study)
    if server is not None:
        with remote(server, token_file) as there:
            text = there.text(name, "best", arm=arm)
    else:
        with opened(db) as storage:
            text = dump(exported(storage, name, arm))
    if out is None:
        typer.echo(text.rstrip())
        return
    write(out, text, force=force)
    typer.echo(str(out))


def report_to(storage: Storage, name: str, path: Path) -> None:
    """Write the report of a stored study, and its figures into its database where that may be."""
    from qsched.report import draw, gather, save_to_dashboard
    from qsched.report import write as write_report

    material = gather(storage, name)
    figures = draw(material)
    write_report(material, figures, path)
    if not storage.read_only:
        save_to_dashboard(storage, material, figures)


def export_to(storage: Storage, name: str, path: Path) -> Path:
    """Write the schedule file of a finished study, replacing an older one."""
    from qsched.schedules.file import dump
    from qsched.study.export import export as exported

    write(path, dump(exported(storage, name)), force=True)
    return path


def default_folder(study: str) -> Path:
    """Return the folder of a study's report and schedule."""
    return Path("qsched-out") / study
