"""``qsched token``: who may use a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from qsched.cli.options import JsonOption
from qsched.cli.output import print_json, print_table
from qsched.service.access import Role

__all__ = ["create", "revoke", "token_list"]

_DEFAULT = Path("tokens.json")

FileOption = Annotated[
    Path,
    typer.Option("--tokens", envvar="QSCHED_TOKENS", metavar="FILE", help="The token file."),
]


def create(
    role: Annotated[
        Role, typer.Option(help="A viewer reads; an editor also launches, stops and deletes.")
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="Whose it is; for the list.")] = "",
    days: Annotated[
        float | None,
        typer.Option(min=0.001, max=36500, metavar="N", help="Days it holds. Default: for ever."),
    ] = None,
    tokens: FileOption = _DEFAULT,
) -> None:
    """Make a token and print it, once: the file keeps a hash of it.

    \b
        qsched token create --role editor --name me
        qsched token create --role viewer --name wall-screen --days 90
    """
    from qsched.service.tokens import TokenFile

    typer.echo(TokenFile(tokens).create(name or role.value, role, days))
    typer.echo(
        f"stored its hash in {tokens}; keep the token, it cannot be shown again. Commands read it "
        "from QSCHED_TOKEN or --token-file, browsers ask for it",
        err=True,
    )


def token_list(tokens: FileOption = _DEFAULT, as_json: JsonOption = False) -> None:
    """List tokens: their ids, owners, roles and ends; never the tokens themselves."""
    from qsched.service.tokens import TokenFile

    now = datetime.now(UTC)
    found: list[dict[str, Any]] = [
        {
            "id": record.id,
            "name": record.name,
            "role": record.role.value,
            "state": record.state(now),
            "created": record.created.isoformat(timespec="seconds"),
            "expires": record.expires and record.expires.isoformat(timespec="seconds"),
        }
        for record in TokenFile(tokens).records()
    ]
    if as_json:
        print_json(found)
        return
    header = ("id", "name", "role", "state", "created", "expires")
    print_table(header, [tuple(str(one[key] or "never") for key in header) for one in found])


def revoke(
    number: Annotated[str, typer.Argument(metavar="ID", help="As `qsched token list` shows it.")],
    tokens: FileOption = _DEFAULT,
) -> None:
    """Take a token back, at once: a running server sees it at the next request.

    \b
        qsched token revoke 1f2e3d4c
    """
    from qsched.service.tokens import TokenFile

    record = TokenFile(tokens).revoke(number)
    typer.echo(f"{record.id} ({record.name}, {record.role}) is revoked")
