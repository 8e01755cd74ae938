"""``qsched serve``."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qsched.cli.options import DATABASE, DatabaseOption, DataOption, WorkersOption, use_data
from qsched.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from qsched.service.settings import Settings

__all__ = ["TokensOption", "serve"]

TokensOption = Annotated[
    Path | None,
    typer.Option(
        "--tokens",
        envvar="QSCHED_TOKENS",
        metavar="FILE",
        help="The token file; see `qsched token create`.",
    ),
]


def serve(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address to listen on. Default: this machine only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")
    ] = 8000,
    db: DatabaseOption = DATABASE,
    tokens: TokensOption = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="How browsers reach the server, where that is through a proxy: https://HOST.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="RAY", help="Train on a running Ray cluster, as `qsched run --address`."
        ),
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0, metavar="N", help="GPUs of each Ray worker; with --address.")
    ] = 0.0,
    workers: WorkersOption = None,
    studies: Annotated[
        int, typer.Option(min=1, metavar="N", help="Studies that train at once; others wait.")
    ] = 2,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where logs and reports of studies are kept.")
    ] = Path("qsched-serve"),
    data: DataOption = None,
) -> None:
    """Serve studies to browsers and programs: launch, watch, export, Optuna's dashboard.

    On this machine alone it needs no login. On any other address it wants a token file, and
    starts only with one. Studies are processes of their own: they go on when the server ends, and
    the next one picks them up.

    \b
        qsched serve
        qsched token create --role editor --tokens tokens.json
        qsched serve --host 0.0.0.0 --tokens tokens.json
    """
    use_data(data)
    if gpus and address is None:
        raise InputError("--gpus are those of a Ray cluster; name it with --address")
    from qsched.service.settings import Limits, Settings

    settings = Settings(
        database=db,
        folder=folder,
        tokens=tokens,
        host=host,
        port=port,
        url=url,
        address=address,
        gpus=gpus,
        workers=workers,
        limits=Limits(studies=studies),
    )
    _check_open(settings)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("qsched").setLevel(logging.INFO)
    with _alone(folder), _listening(host, port) as listening:
        app = _app(settings)
        where = url or f"http://{_shown(host)}:{listening.getsockname()[1]}"
        typer.echo(f"{where.rstrip('/')}/ (Ctrl-C ends it; studies go on)")
        _serve(app, settings, listening)


def _check_open(settings: Settings) -> None:
    """Refuse to let strangers in: without tokens, only this machine may reach the server.

    Raises:
        InputError: the server would be open, or its tokens let nobody in.
    """
    from datetime import UTC, datetime
    from urllib.parse import urlsplit

    from qsched.service.settings import is_loopback
    from qsched.service.tokens import TokenFile

    if settings.url is not None and urlsplit(settings.url).scheme not in ("http", "https"):
        raise InputError(f"--url is http://HOST or https://HOST, but got `{settings.url}`")
    public = urlsplit(settings.url).hostname or "" if settings.url else settings.host
    file = settings.tokens or "tokens.json"
    make = f"qsched token create --role editor --tokens {file}"
    if settings.tokens is None:
        if is_loopback(settings.host) and is_loopback(public):
            return
        raise InputError(
            f"others can reach a server on {public}, so it needs a token file; make one, and "
            f"start again with it:\n{make}\nqsched serve --host {settings.host} --tokens {file}"
        )
    now = datetime.now(UTC)
    if not any(record.state(now) == "valid" for record in TokenFile(settings.tokens).records()):
        raise InputError(
            f"`{file}` has no token that is valid, so nobody could log in; run: {make}"
        )
    if not settings.https and not is_loopback(public):
        typer.echo(
            "warning: without TLS, others on the network can read tokens; put a proxy with TLS "
            "before the server and name it with --url https://HOST",
            err=True,
        )


def _app(settings: Settings) -> FastAPI:
    try:
        from qsched.service.app import create_app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("qsched"):
            raise
        raise InputError(
            f"serving needs {error.name}, which is not installed; run: pip install "
            "'qsched[service]'"
        ) from None
    return create_app(settings)


def _serve(app: FastAPI, settings: Settings, listening: socket.socket) -> None:
    import optuna
    import uvicorn

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # Only a proxy on this machine is believed who the client is.
        proxy_headers=settings.url is not None,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        socket.getaddrinfo(host, port)
    except socket.gaierror as error:
        raise InputError(f"`{host}` is no address of this machine: {error.strerror}") from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as listening:
        yield listening


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second server from the studies of this one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"a server uses `{folder}` already; end it, or name another folder with --folder "
            "and another database with --db"
        ) from None
    else:
        yield
    finally:
        os.close(handle)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
