"""A study server, as commands use it with ``--server``: HTTP, with answers checked."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from qsched.errors import InputError, Problem, QschedError, SpecError

if TYPE_CHECKING:
    import httpx

    from qsched.files import Document

__all__ = ["Remote", "ServerOption", "TokenFileOption", "remote"]

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="QSCHED_SERVER",
        metavar="URL",
        help="Do it on this server (see `qsched serve`) instead of here.",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with the token for --server. Default: the variable QSCHED_TOKEN.",
    ),
]

_PATIENCE = 120.0
"""Seconds without a server after which a stream of events is given up: a restart is shorter."""
_PAUSE = 2.0
_STUDIES = "/v1/studies"


class Remote:
    """A study server.

    Args:
        client: knows its address and the token.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def study(self, name: str) -> dict[str, Any]:
        """Return how far a study is; see ``GET /v1/studies/NAME``."""
        found: dict[str, Any] = self._ask("GET", f"{_STUDIES}/{name}").json()
        return found

    def studies(self) -> Iterator[dict[str, Any]]:
        """Yield how far all studies are, the oldest first."""
        params: dict[str, Any] = {}
        while True:
            page = self._ask("GET", _STUDIES, params=params).json()
            yield from page["items"]
            if page["next"] is None:
                return
            params["after"] = page["next"]

    def launch(self, document: Document) -> dict[str, Any]:
        """Launch a study, or find that it is there already; see ``POST /v1/studies``.

        Raises:
            SpecError: the server refuses the file; with every fault at its line of the document.
        """
        launched: dict[str, Any] = self._send(_STUDIES, document)
        return launched

    def check(self, document: Document) -> dict[str, Any]:
        """Check a file; see ``POST /v1/check``.

        Raises:
            SpecError: it breaks rules; with every fault at its line of the document.
        """
        checked: dict[str, Any] = self._send("/v1/check", document)
        return checked

    def catalog(self) -> list[dict[str, str]]:
        """Return kind, name and line of all that study files may name; ``GET /v1/catalog``."""
        listed: list[dict[str, str]] = self._ask("GET", "/v1/catalog").json()
        return listed

    def change(self, name: str, what: str) -> dict[str, Any]:
        """Stop or resume a study."""
        changed: dict[str, Any] = self._ask("POST", f"{_STUDIES}/{name}/{what}").json()
        return changed

    def text(self, name: str, what: str, **params: str | None) -> str:
        """Return a file of a study: ``best``, ``verdict`` or ``report``."""
        given = {key: value for key, value in params.items() if value is not None}
        return self._ask("GET", f"{_STUDIES}/{name}/{what}", params=given).text

    def events(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield events of a study until it ends; a server that restarts is waited for.

        Raises:
            QschedError: the server stays away.
        """
        import httpx

        last, silent = "", time.monotonic()
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with self._client.stream(
                    "GET", f"{_STUDIES}/{name}/events", headers=headers, timeout=60
                ) as response:
                    if response.is_error:
                        response.read()
                        _check(response)
                    for number, event, data in _parsed(response.iter_lines()):
                        last, silent = number or last, time.monotonic()
                        yield event, data
                        if event == "end":
                            return
            except httpx.TransportError as error:
                if time.monotonic() - silent > _PATIENCE:
                    raise QschedError(f"{self._client.base_url}: {error}") from None
            time.sleep(_PAUSE)

    def _send(self, path: str, document: Document) -> Any:
        from qsched.files import to_yaml

        headers = {"Content-Type": "application/yaml"}
        try:
            text = to_yaml(document.data)
            return self._ask("POST", path, content=text, headers=headers).json()
        except SpecError as error:
            raise SpecError(document.source, _placed(error.problems, document)) from None

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        import httpx

        try:
            response = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise QschedError(
                f"{self._client.base_url}: {error or type(error).__name__}; is the server "
                "running, and is this its address?"
            ) from None
        _check(response)
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


@contextmanager
def remote(server: str, token_file: Path | None) -> Iterator[Remote]:
    """Open a server.

    Args:
        server: its URL.
        token_file: a file with the token; None takes that of the variable ``QSCHED_TOKEN``.

    Raises:
        InputError: no URL, the file cannot be read, or httpx is not installed.
    """
    try:
        import httpx
    except ModuleNotFoundError:
        raise InputError(
            "--server needs httpx, which is not installed; run: pip install 'qsched[service]'"
        ) from None
    if not server.startswith(("http://", "https://")):
        raise InputError(f"--server is http://HOST:PORT or https://HOST, but got `{server}`")
    token = _token(token_file)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        client = httpx.Client(base_url=server, headers=headers, timeout=120)
    except (httpx.InvalidURL, ValueError) as error:
        raise InputError(f"--server: `{server}` is no URL: {error}") from None
    with Remote(client) as opened:
        yield opened


def _token(file: Path | None) -> str:
    if file is None:
        token = os.environ.get("QSCHED_TOKEN", "")
    else:
        try:
            token = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the token in `{file}`: {error}") from None
    token = token.strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise InputError("a token is one line of letters and digits, as it was printed")
    return token


def _check(response: httpx.Response) -> None:
    """Raise what a problem document says.

    Raises:
        SpecError: with every fault of the file that was sent.
        InputError: the request was refused.
        QschedError: the server failed, or is no qsched server.
    """
    if not response.is_error:
        return
    try:
        document = response.json()
        detail, errors = str(document["detail"]), document.get("errors", [])
    except (ValueError, KeyError, TypeError):
        raise QschedError(
            f"{response.url} answers {response.status_code} without saying why; is it a qsched "
            "server?"
        ) from None
    if errors:
        raise SpecError(str(response.url), [_problem(each) for each in errors])
    if response.status_code == 401:
        detail = (
            "the server wants a token: put one that is valid into QSCHED_TOKEN, or into a file "
            "and name it with --token-file"
        )
    kind = InputError if response.status_code < 500 else QschedError
    raise kind(detail)


def _problem(fault: dict[str, Any]) -> Problem:
    return Problem(fault["detail"], fault.get("pointer") or "", fault.get("line"))


def _placed(problems: Iterable[Problem], document: Document) -> list[Problem]:
    """Return what a server found, at the lines that the user's file has it in."""
    from qsched.files.text import dotted

    lines = {dotted(path): line for path, line in document.lines.items()}
    found = [replace(each, line=_line(each.path, lines)) for each in problems]
    return sorted(found, key=lambda problem: problem.line or 0)


def _line(path: str, lines: Mapping[str, int]) -> int | None:
    """Return the line of a place, or of the nearest place above it."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path)


def _parsed(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield id, name and data of server-sent events."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            key, _, value = line.partition(":")
            fields[key] = value.removeprefix(" ")
        elif not line and "event" in fields:
            data = json.loads(fields.get("data", "null")) or {}
            yield fields.get("id", ""), fields["event"], data
            fields = {}
