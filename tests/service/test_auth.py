"""Tokens, sessions, logging in: who is let in, for how long, and what is kept of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection

from qsched.errors import InputError, UnknownNameError
from qsched.service.access import Role
from qsched.service.events import events
from qsched.service.sessions import HOURS, LoginRateLimiter, Sessions
from qsched.service.settings import Limits
from qsched.service.tokens import TokenFile
from tests.service.served import HOST, Served, served


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("auth"), limits=Limits(logins=3)) as server:
        yield server


def test_a_token_is_found_again_and_stored_as_a_hash(file: TokenFile) -> None:
    token = file.create("me", Role.EDITOR)
    record = file.find(token)
    assert record is not None
    assert (record.name, record.role, record.expires) == ("me", Role.EDITOR, None)
    secret = token.split("_", 2)[2]
    text = file.path.read_text()
    assert secret not in text
    stored = json.loads(text)["tokens"][0]
    assert stored["sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_no_two_tokens_are_the_same(file: TokenFile) -> None:
    tokens = {file.create("me", Role.VIEWER) for _ in range(20)}
    assert len(tokens) == len(file.records()) == 20
    assert all(file.find(token) is not None for token in tokens)


def test_other_tokens_are_not_found(file: TokenFile) -> None:
    token, other = (file.create("me", Role.EDITOR) for _ in range(2))
    number = token.split("_")[1]
    wrong = [
        "",
        "qsched",
        token[:-1],
        token + "A",
        token.upper(),
        f" {token}",
        f"qsched_{number}_{other.split('_', 2)[2]}",
        f"qsched_00000000_{token.split('_', 2)[2]}",
    ]
    assert [file.find(text) for text in wrong] == [None] * len(wrong)


def test_a_token_ends(file: TokenFile) -> None:
    token = file.create("me", Role.EDITOR, days=0.5)
    assert file.find(token) is not None
    (record,) = file.records()
    assert record.expires == record.created + timedelta(hours=12)
    assert record.state(record.created + timedelta(hours=11.9)) == "valid"
    assert record.state(record.created + timedelta(hours=12)) == "expired"
    past = datetime.now(UTC) - timedelta(days=1)
    _store(file, record.model_copy(update={"expires": past}).model_dump(mode="json"))
    assert file.find(token) is None


def _store(file: TokenFile, *records: object) -> None:
    text = json.dumps({"format": "qsched/tokens/1", "tokens": records})
    file.path.write_text(text + " " * (len(text) % 7))


def test_a_revoked_token_is_not_found_by_anybody(file: TokenFile) -> None:
    token, kept = file.create("me", Role.EDITOR), file.create("you", Role.VIEWER)
    other = TokenFile(file.path)
    assert other.find(token) is not None
    file.revoke(token.split("_")[1])
    assert file.find(token) is other.find(token) is None
    assert other.find(kept) is not None
    with pytest.raises(UnknownNameError, match="unknown token"):
        file.revoke("00000000")


def test_a_token_file_is_for_its_owner_alone(file: TokenFile) -> None:
    file.create("me", Role.EDITOR)
    file.path.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        TokenFile(file.path).records()


@pytest.mark.parametrize("text", ["", "{}x", '{"tokens": [{"id": "1"}]}', '{"tokens": 1}'])
def test_what_is_no_token_file_is_refused(file: TokenFile, text: str) -> None:
    file.path.write_text(text)
    file.path.chmod(0o600)
    with pytest.raises(InputError, match="is not a token file"):
        file.records()


def test_a_session_ends_by_itself() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    secret = sessions.start("1f")
    assert sessions.token(secret) == "1f"
    assert sessions.token(secret + "x") is None
    now = HOURS * 3600 - 1
    assert sessions.token(secret) == "1f"
    now += 1
    assert sessions.token(secret) is None


def test_an_address_waits_after_some_failures() -> None:
    now = 0.0
    attempts = LoginRateLimiter(2, lambda: now)
    for moment in (0.0, 10.0):
        now = moment
        assert attempts.wait("a") == 0
        attempts.fail("a")
    assert attempts.wait("a") == 50
    assert attempts.wait("b") == 0
    now = 60.0
    assert attempts.wait("a") == 0
    attempts.fail("a")
    assert attempts.wait("a") == 10


def test_logging_in_and_out(server: Served) -> None:
    client = server.client(None)
    assert client.get("/v1/studies").status_code == 401
    answer = client.post("/login", data={"token": server.tokens[Role.VIEWER], "next": "/new"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/new")
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/", f"max-age={HOURS * 3600}"):
        assert part in cookie
    assert "secure" not in cookie
    assert server.tokens[Role.VIEWER] not in cookie
    assert client.get("/v1/studies").status_code == 200
    secret = client.cookies["qsched_session"]
    assert client.post("/logout").status_code == 303
    client.cookies.set("qsched_session", secret)
    assert client.get("/v1/studies").status_code == 401


def test_a_revoked_token_ends_its_sessions(server: Served) -> None:
    assert server.settings.tokens is not None
    file = TokenFile(server.settings.tokens)
    token = file.create("guest", Role.EDITOR)
    client = server.client(None)
    assert client.post("/login", data={"token": token}).status_code == 303
    assert client.get("/v1/studies").status_code == 200
    file.revoke(token.split("_")[1])
    assert client.get("/v1/studies").status_code == 401
    assert (
        client.get("/v1/studies", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    )


def test_over_https_the_cookie_is_for_https(tmp_path: Path) -> None:
    with served(tmp_path, url="https://studies.example") as server:
        client = TestClient(server.app, "https://studies.example", follow_redirects=False)
        answer = client.post("/login", data={"token": server.tokens[Role.VIEWER]})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-qsched_session=")
        assert "secure" in cookie.lower()
        assert "strict-transport-security" in answer.headers
        assert client.get("/v1/studies").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "bearer  x y",
    ],
)
def test_other_authorizations_are_refused(server: Served, header: str) -> None:
    text = header.format(token=server.tokens[Role.EDITOR])
    answer = server.client(None).get("/v1/studies", headers={"Authorization": text})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_token_is_not_made_up_for_by_a_session(server: Served) -> None:
    browser = server.client(browser=True)
    assert browser.get("/v1/studies", headers={"Authorization": "Bearer x"}).status_code == 401


def test_logging_in_is_limited(server: Served) -> None:
    client = TestClient(server.app, HOST, follow_redirects=False, client=("192.0.2.1", 1))
    for _ in range(3):
        answer = client.post("/login", data={"token": "x"})
        assert answer.headers["location"] == "/login?failed=1"
    answer = client.post("/login", data={"token": "qsched_wrong"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert answer.headers["content-type"] == "application/problem+json"
    page = client.post("/login", data={"token": "qsched_wrong"}, headers={"Accept": "text/html"})
    assert (page.status_code, "too many failed logins" in page.text) == (429, True)
    assert page.headers["content-type"].startswith("text/html")
    # Whoever has a token is let in, whatever others have tried from the same address.
    answer = client.post("/login", data={"token": server.tokens[Role.VIEWER]})
    assert answer.headers["location"] == "/"
    assert client.get("/v1/studies").status_code == 200


def test_a_stream_ends_with_the_token(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        assert server.settings.tokens is not None
        studies = server.app.state.service.studies
        authenticator = server.app.state.service.authenticator
        token = server.tokens[Role.VIEWER]
        header = (b"authorization", f"Bearer {token}".encode())
        request = HTTPConnection({"type": "http", "headers": [header]})

        def authorized() -> bool:
            return authenticator.principal(request) is not None

        async def listen() -> list[str | None]:
            heard = []
            async for event in events(studies, "stopped", 10**9, 0.01, authorized):
                heard.append(event.event)
                if len(heard) == 1:
                    TokenFile(server.settings.tokens).revoke(token.split("_")[1])
            return heard

        client = server.client()
        assert client.post("/v1/studies/stopped/resume").json()["state"] == "waiting"
        assert asyncio.run(asyncio.wait_for(listen(), 60)) == ["state"]


def test_a_spoilt_token_file_lets_nobody_in(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        client = server.client()
        assert client.get("/v1/studies").status_code == 200
        assert server.settings.tokens is not None
        time.sleep(0.01)
        server.settings.tokens.write_text("spoilt")
        assert client.get("/v1/studies").status_code == 503
        server.settings.tokens.unlink()
        assert client.get("/v1/studies").status_code == 401


def test_without_tokens_everybody_who_gets_here_is_an_editor(tmp_path: Path) -> None:
    with served(tmp_path, tokens=False) as server:
        client = server.client(None)
        assert client.post("/v1/studies/stopped/resume").status_code == 200
        assert client.post("/login", data={"token": "x"}).headers["location"] == "/"
