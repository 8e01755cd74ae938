"""serve and token: what starts, what refuses, and what a token file looks like from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from qsched.service.tokens import TokenFile
from tests.cli.conftest import Qsched


def test_tokens_are_made_listed_and_revoked(qsched: Qsched, tmp_path: Path) -> None:
    made = qsched("token", "create", "--role", "editor", "--name", "me", "--days", "2")
    token = made.out.strip()
    assert TokenFile(tmp_path / "tokens.json").find(token) is not None
    assert token not in made.err
    assert qsched("token", "create", "--role", "viewer").code == 0
    listed = json.loads(qsched("token", "list", "--json").out)
    assert [(one["name"], one["role"], one["state"]) for one in listed] == [
        ("me", "editor", "valid"),
        ("viewer", "viewer", "valid"),
    ]
    assert (listed[0]["expires"] is None, listed[1]["expires"]) == (False, None)
    assert listed[0]["id"] in token
    assert token.split("_", 2)[2] not in qsched("token", "list").out
    assert qsched("token", "revoke", listed[0]["id"]).code == 0
    assert TokenFile(tmp_path / "tokens.json").find(token) is None
    assert qsched("token", "list").out.count("revoked") == 1
    assert qsched("token", "revoke", "00000000").code == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--host", "0.0.0.0"),
        ("--host", "::"),
        ("--host", "192.0.2.7"),
        ("--url", "https://studies.example"),
    ],
)
def test_others_get_in_only_with_tokens(qsched: Qsched, options: tuple[str, ...]) -> None:
    refused = qsched("serve", *options)
    assert refused.code == 2
    assert "qsched token create --role editor --tokens tokens.json" in refused.err
    missing = qsched("serve", *options, "--tokens", "tokens.json")
    assert (missing.code, "no token that is valid" in missing.err) == (2, True)


def test_an_address_of_another_machine_or_port(qsched: Qsched, tmp_path: Path) -> None:
    assert qsched("token", "create", "--role", "editor").code == 0
    nowhere = qsched("serve", "--host", "no-such-host.invalid", "--tokens", "tokens.json")
    assert (nowhere.code, "no address" in nowhere.err) == (2, True)
    assert "without TLS" in nowhere.err
    wrong = qsched("serve", "--url", "studies.example", "--tokens", "tokens.json")
    assert (wrong.code, "--url is http" in wrong.err) == (2, True)


def test_a_server_starts_answers_and_ends(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "qsched.cli", "serve", "--port", "0"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QSCHED_")}
    with subprocess.Popen(
        program,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[0]
            assert url.startswith("http://127.0.0.1:")
            with httpx.Client(base_url=url, timeout=60) as client:
                assert client.get("/readyz").json()["status"] == "ok"
                assert client.get("/v1/studies").json() == {"items": [], "next": None}
                rebound = client.get("/v1/studies", headers={"Host": "evil.example"})
                assert rebound.status_code == 421
            second = subprocess.run(
                program, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert second.returncode == 2
            assert "a server uses" in second.stderr
        finally:
            server.send_signal(signal.SIGINT)
            _, err = server.communicate(timeout=60)
    assert "GET '/v1/studies' 200" in err
    assert "Traceback" not in err
