"""Who gets in where, and what nobody gets in: other sites, other files, other code."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import Mount

from qsched.service.access import Role
from qsched.service.settings import Settings
from qsched.service.unmatched import UnmatchedRoute
from tests.service.fuzz import HOSTILE, fuzzed
from tests.service.rules import DASHBOARD, OWN, PUBLIC, dashboard_routes, own_routes, sample_path
from tests.service.served import HOST, YAML, Served, served, study_file

RULES = {**DASHBOARD, **OWN}
SAFE = ("GET", "HEAD")
EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
FUZZED = 1_000
LONGEST = 30.0
"""Seconds that an answer may take on a machine that does other things."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("security")) as server:
        yield server


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without tokens."""
    with served(tmp_path_factory.mktemp("open"), tokens=False) as server:
        yield server


def test_every_route_has_a_rule(server: Served) -> None:
    assert set(own_routes(server.app)) == set(OWN)
    assert set(dashboard_routes()) == set(DASHBOARD)
    others = [r.original_route for r in iter_route_contexts(server.app.routes) if not r.methods]
    assert [type(route) for route in others] == [UnmatchedRoute, Mount], (
        "something else takes requests"
    )


@pytest.mark.parametrize(("method", "pattern"), sorted(RULES))
def test_a_route_wants_its_role(server: Served, method: str, pattern: str) -> None:
    rule, path = RULES[method, pattern], sample_path(pattern)
    for browser in (False, True):
        for role in (None, Role.VIEWER, Role.EDITOR):
            status = _status(server.client(role, browser=browser), method, path)
            if rule == PUBLIC:
                assert status not in (401, 403)
            elif role is None:
                assert status == 401
            elif rule == Role.EDITOR and role is Role.VIEWER:
                assert status == 403
            else:
                assert status not in (401, 403)


def _status(client: TestClient, method: str, path: str) -> int:
    return client.request(method, path, headers={"Accept-Encoding": "gzip"}).status_code


@pytest.mark.parametrize(("method", "pattern"), sorted(r for r in RULES if r[0] not in SAFE))
def test_another_site_changes_nothing(
    server: Served, single: Served, method: str, pattern: str
) -> None:
    path = sample_path(pattern)
    for client in (server.client(browser=True), single.client()):
        for headers in (
            EVIL,
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:9999"},
            {"Origin": HOST, "Sec-Fetch-Site": "same-site"},
        ):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 403
            assert "another site" in answer.json()["detail"]


def test_own_pages_and_programs_change_things(server: Served, single: Served) -> None:
    path = "/v1/studies/none/stop"
    for headers in (
        {"Origin": HOST},
        {"Origin": HOST, "Sec-Fetch-Site": "same-origin"},
        {},
    ):
        assert single.client().post(path, headers=headers).status_code == 404
        assert server.client(browser=True).post(path, headers=headers).status_code == 404
    # A bearer token is nothing that a browser sends by itself.
    assert server.client().post(path, headers=EVIL).status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil@localhost",
        "localhost/healthz?",
        "",
    ],
)
def test_only_own_names_are_answered(server: Served, single: Served, host: str) -> None:
    for one in (server, single):
        answer = one.client().get("/v1/studies", headers={"Host": host})
        assert answer.status_code == 421


def test_behind_tokens_a_server_may_have_many_names() -> None:
    for url in (None, "https://studies.example"):
        assert Settings("sqlite://", Path("x"), host="0.0.0.0", url=url).hosts is None
    names = Settings("sqlite://", Path("x"), url="https://studies.example:8443").hosts
    assert names == {"studies.example", "localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1:8000", "[::1]:8000"])
def test_own_names_are_answered(single: Served, host: str) -> None:
    assert single.client().get("/v1/studies", headers={"Host": host}).status_code == 200


def test_a_host_cannot_pose_as_a_public_path(tmp_path: Path) -> None:
    with served(tmp_path, url="https://studies.example") as server:
        client = server.client(None)
        for host in ("studies.example/healthz?", "studies.example", "x/healthz?"):
            status = client.get("/v1/studies", headers={"Host": host}).status_code
            assert status in (401, 421)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../v1/studies",
        "/assets/%2e%2e/v1/studies",
        "/assets/..%2fv1%2fstudies",
        "/assets//v1/studies",
        "/healthz/../v1/studies",
        "//v1/studies",
        "/V1/studies",
        "/v1/studies/",
        "/login/",
    ],
)
def test_no_path_leads_around_the_rules(server: Served, path: str) -> None:
    assert server.client(None).get(path).status_code == 401


NAMES = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "a%00b", "%2e%2e", "A", "a" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_no_paths(server: Served, name: str) -> None:
    client = server.client()
    for path in (f"/v1/studies/{name}", f"/v1/studies/{name}/best", f"/assets/{name}"):
        answer = client.get(path)
        assert answer.status_code in (404, 422)
        assert "root:" not in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"space": "/etc/passwd"},
        {"space": "../search_spaces/ana.yaml"},
        {"space": "search_spaces/ana.yaml"},
        {"baselines": ["/etc/passwd", "handcoded/../x.yaml"]},
        {"baselines": ["file:///etc/passwd"]},
    ],
)
def test_a_received_file_names_bundled_files_only(
    server: Served, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    read = Path.read_text

    def noted(path: Path, *args: object, **options: object) -> str:
        opened.append(str(path))
        return read(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", noted)
    client = server.client()
    answer = client.post("/v1/studies", content=study_file(name="x", **changes), headers=YAML)
    assert answer.status_code == 422
    assert {fault["pointer"].partition("[")[0] for fault in answer.json()["errors"]} == set(
        changes
    )
    assert opened == []


def _is_problem(client: TestClient, body: bytes, media_type: str) -> int:
    """Send a study file and check that the answer is in order; return its status."""
    begin = time.monotonic()
    answer = client.post("/v1/studies", content=body, headers={"Content-Type": media_type})
    assert time.monotonic() - begin < LONGEST
    if answer.status_code not in (200, 201):
        assert answer.headers["content-type"] == "application/problem+json"
        document = answer.json()
        assert document["status"] == answer.status_code
        assert document["detail"]
        assert 400 <= answer.status_code < 500, document
        if answer.status_code == 422:
            assert all(fault["detail"] for fault in document["errors"])
            assert document["errors"]
    return answer.status_code


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_refused(server: Served, name: str) -> None:
    for media_type in ("application/yaml", "application/json"):
        assert _is_problem(server.client(), HOSTILE[name], media_type) == 422
    assert not Path("/tmp/qsched-pwned").exists()


def test_fuzzed_study_files_are_refused_or_taken(server: Served) -> None:
    client = server.client()
    statuses = [_is_problem(client, body, kind) for kind, body in fuzzed(FUZZED)]
    assert len(statuses) == FUZZED
    # Files that still hold are taken, until enough of them wait.
    assert set(statuses) <= {200, 201, 409, 422, 429}
    assert statuses.count(422) > FUZZED / 2


def test_long_bodies_are_refused(server: Served) -> None:
    limit = server.settings.limits.body
    client = server.client()

    def pieces() -> Iterator[bytes]:
        for _ in range(limit // 1000 + 1):
            yield b"x" * 1000

    for path in ("/v1/studies", "/api/studies", "/new"):
        for content in (b"x" * (limit + 1), pieces()):
            assert client.post(path, content=content, headers=YAML).status_code == 413
    assert client.post("/v1/studies", content=b"#" * limit, headers=YAML).status_code == 422


def test_other_media_types_are_refused(server: Served) -> None:
    client = server.client()
    for kind in ("text/html", "multipart/form-data", "application/x-python", ""):
        answer = client.post("/v1/studies", content="name: a", headers={"Content-Type": kind})
        assert answer.status_code == 415


@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("task.epochs", {"task": {"epochs": 10**6}}),
        ("task.network.width", {"task": {"network": {"name": "mlp9", "width": 10**9}}}),
        ("budget.trials", {"budget": {"trials": 10**6}}),
        ("budget", {"budget": {"trials": 5_000, "rungs": [{"seeds": 900}]}}),
        ("lanes", {"lanes": 10**7}),
        ("confirmation.report_seeds", {"confirmation": {"report_seeds": 10**12}}),
        ("seed", {"seed": 2**63}),
        ("name", {"name": "a" * 101}),
        ("baselines", {"baselines": ["ana-2019-overlapped"] * 65}),
    ],
)
def test_budgets_have_limits(server: Served, pointer: str, changes: dict[str, object]) -> None:
    import yaml

    data = yaml.safe_load(study_file(name="big"))
    for key, value in changes.items():
        data[key] = {**data[key], **value} if isinstance(value, dict) else value
    client = server.client()
    answer = client.post("/v1/studies", content=yaml.safe_dump(data), headers=YAML)
    assert answer.status_code == 422
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


def test_every_answer_has_the_headers(server: Served) -> None:
    client = server.client()
    for path in ("/healthz", "/v1/studies", "/v1/none", "/none", "/login", "/", "/api/studies"):
        headers = client.get(path, headers={"Accept-Encoding": "gzip"}).headers
        assert "default-src" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"] or path == "/api/studies"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert re.fullmatch("[0-9a-f]{16}", headers["x-request-id"])
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_a_fault_of_the_server_tells_strangers_nothing(
    server: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(server.app.state.service.studies, "trials", fail)
    answer = server.client().get("/v1/studies/toy/trials")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert answer.headers["x-request-id"] in caplog.text


def test_logs_hold_no_secrets(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "qsched")
    token = server.tokens[Role.EDITOR]
    browser = server.client(browser=True)
    server.client().get("/v1/studies")
    browser.get("/v1/studies", params={"token": token})
    browser.post("/login", data={"token": "qsched_wrong"})
    server.client(None).get("/v1/studies", headers={"Authorization": "Bearer qsched_wrong"})
    assert "'/v1/studies' 200" in caplog.text
    assert "editor" in caplog.text
    for secret in (token, token[-20:], *browser.cookies.values(), "qsched_wrong"):
        assert secret not in caplog.text


def test_the_server_never_imports_torch(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from tests.service.served import served, study_file, YAML\n"
        f"with served(pathlib.Path({str(tmp_path)!r})) as server:\n"
        "    client = server.client()\n"
        "    for path in ('', '/toy', '/toy/best', '/toy/report', '/toy/trials', '/toy/runs'):\n"
        "        assert client.get('/v1/studies' + path).status_code == 200, path\n"
        "    body = study_file(name='new')\n"
        "    assert client.post('/v1/studies', content=body, headers=YAML).status_code == 201\n"
        "    assert client.get('/dashboard').status_code == 200\n"
        "    assert client.get('/api/studies/1').status_code == 200\n"
        "print('torch' in sys.modules, 'numba' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
