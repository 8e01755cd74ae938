"""``qsched run --server`` and ``qsched stop``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.copy import write
from qsched.cli.remote import Remote, ServerOption, TokenFileOption, remote
from qsched.cli.results import default_folder
from qsched.cli.stored import stored_name
from qsched.errors import InputError, QschedError

if TYPE_CHECKING:
    from qsched.files import Document
    from qsched.study import Verdict

__all__ = ["follow", "local_only", "stop"]


def local_only(**options: object) -> None:
    """Refuse options that only have a meaning here, where ``--server`` is given.

    Raises:
        InputError: one of them is given.
    """
    given = [name for name, value in options.items() if value]
    if given:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(
            f"with --server, the server decides where studies train; leave out {names}"
        )


def follow(
    document: Document, folder: Path | None, server: str, token_file: Path | None
) -> Verdict:
    """Run a study on a server, or resume it, and follow it to its end.

    Args:
        document: the study file; the server checks it.
        folder: where its report and schedule are put; None is the study's own.
        server: URL of the server.
        token_file: file with the token.

    Returns:
        The verdict.

    Raises:
        SpecError: the server refuses the file; with every fault at its line.
        InputError: the server refuses the study, or it is not there.
        QschedError: the study failed, or somebody stopped it.
        KeyboardInterrupt: the user wants to follow no longer; the study goes on.
    """
    from qsched.study.verdict import Verdict

    with remote(server, token_file) as there:
        launched = there.launch(document)
        name = launched["study"]
        if launched["state"] in ("interrupted", "failed"):
            there.change(name, "resume")
        try:
            state = _watched(there, name)
        except KeyboardInterrupt:
            typer.echo(
                f"`{name}` goes on at {server}; the same command follows it again, and "
                f"`qsched stop {name}` stops it",
                err=True,
            )
            raise
        if state != "finished":
            reason = there.study(name)["reason"] or "somebody stopped it"
            raise QschedError(f"`{name}` is {state} at {server}: {reason}")
        folder = folder or default_folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "report.html", there.text(name, "report"), force=True)
        write(folder / "schedule.yaml", there.text(name, "best"), force=True)
        return Verdict.model_validate_json(there.text(name, "verdict"))


def stop(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A study of a server.")],
    server: ServerOption = None,
    token_file: TokenFileOption = None,
) -> None:
    """Stop a study of a server, after what it trains just now; `qsched run` resumes it.

    A study that runs here is stopped with Ctrl-C.

    \b
        qsched stop digits-ana --server https://studies.example.org
    """
    if server is None:
        raise InputError("name the server with --server; a study that runs here stops by Ctrl-C")
    name = stored_name(study)
    with remote(server, token_file) as there:
        typer.echo(f"{name}: {there.change(name, 'stop')['state']}")


def _watched(there: Remote, name: str) -> str:
    """Show the progress of a study; return the state in which it ended."""
    from qsched.cli.progress import shown
    from qsched.study.progress import Progress

    state = ""
    with shown(name) as observe:
        for event, data in there.events(name):
            if event == "progress":
                observe(Progress(**data))
            elif event == "state" and data["state"] == "waiting":
                observe(Progress("waiting", rung="for other studies of the server"))
            elif event == "end":
                state = str(data["state"])
    return state
