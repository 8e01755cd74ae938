"""The typer application: one table of commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from qsched import __version__
from qsched.cli.bench_data import bench_data
from qsched.cli.check import validate
from qsched.cli.claims import claims
from qsched.cli.controller import controller
from qsched.cli.copy import cp
from qsched.cli.dashboard import dashboard
from qsched.cli.db import check, export_dump, import_dump, upgrade
from qsched.cli.deploy import deploy
from qsched.cli.learn import learn
from qsched.cli.listing import ls
from qsched.cli.lower import lower
from qsched.cli.recommend import recommend
from qsched.cli.reference import reference
from qsched.cli.remote_run import stop
from qsched.cli.results import export, report
from qsched.cli.retrain import compare, train
from qsched.cli.run import run
from qsched.cli.serve import serve
from qsched.cli.show import show
from qsched.cli.status import status
from qsched.cli.token import create, revoke, token_list

__all__ = ["app"]

Command = Callable[..., None]

_PANELS: dict[str, tuple[Command, ...]] = {
    "Files: studies, search spaces, schedules, tasks": (ls, show, validate, cp),
    "Studies": (run, status, report, dashboard),
    "Schedules": (export, lower, train, compare),
    "Networks": (deploy,),
    "Learning from many schedules": (recommend, bench_data, learn, claims, controller),
    "Service": (serve, stop),
}

app = typer.Typer(
    name="qsched",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qsched {__version__}")
        raise typer.Exit


def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Learn training schedules for quantized neural networks.

    A study file names a task, a search space, hand-coded baselines and a budget. Running it ends
    in a verdict, a report and a schedule file that can be used elsewhere:

    \b
        qsched cp digits-ana my.yaml          a study file of your own
        qsched validate my.yaml               all its errors at once
        qsched run my.yaml                    search, confirm, verdict; again: resume
        qsched report my                      one HTML file
        qsched export my --out best.yaml      the schedule
        qsched train best.yaml --task my      use it, and check what it promises

    A bare name is a bundled file (see `qsched ls`); anything with a `/` or a suffix is a path.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _unwrapped(command: Command) -> str:
    """Return a command's docstring with one line a paragraph, but for examples."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(
        text if text.startswith("\b") else " ".join(text.split("\n")) for text in paragraphs
    )


def _register(command: Command, group: typer.Typer = app, **options: Any) -> None:
    group.command(help=_unwrapped(command), **options)(command)


_tokens = typer.Typer(
    help="Make, list and revoke the tokens that let people use a server.", no_args_is_help=True
)
_database = typer.Typer(
    help="Check, upgrade, export and import the study database.", no_args_is_help=True
)
_DATABASE: dict[str, Command] = {
    "check": check,
    "upgrade": upgrade,
    "export": export_dump,
    "import": import_dump,
}


app.callback(invoke_without_command=True, help=_unwrapped(root))(root)
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        _register(_command, rich_help_panel=_panel)
for _name, _command in (("create", create), ("list", token_list), ("revoke", revoke)):
    _register(_command, _tokens, name=_name)
for _name, _command in _DATABASE.items():
    _register(_command, _database, name=_name)
app.add_typer(_database, name="db", rich_help_panel="Studies")
app.add_typer(_tokens, name="token", rich_help_panel="Service")
_register(reference, hidden=True)
