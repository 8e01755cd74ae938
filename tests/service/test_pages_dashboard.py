"""The Optuna dashboard inside the server: reached, filled, and kept in its bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from qsched.files import Document
from qsched.schedules.file import ScheduleFile
from qsched.service.access import Role
from qsched.service.app import create_app
from qsched.service.settings import Settings
from qsched.service.tokens import TokenFile
from qsched.storage import Storage
from tests.report import fabricate
from tests.service.immediate import Immediate

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database: one study finished, one not begun."""
    folder = tmp_path_factory.mktemp("dashboard")
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        done = fabricate.spec("done", candidates=24)
        fabricate.confirm(storage, done, fabricate.search(storage, done))
        storage.save_study(fabricate.spec("early"), "0" * 64)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    """A server without a request yet; it wants tokens."""
    settings = Settings(
        database=f"sqlite:///{folder}/qsched.db",
        folder=folder / "served",
        tokens=folder / "tokens.json",
    )
    app = create_app(settings, background=Immediate())
    with TestClient(app, "http://localhost", follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def headers(folder: Path, client: TestClient) -> dict[Role, dict[str, str]]:
    """What a logged-in browser sends, by role."""
    file = TokenFile(folder / "tokens.json")
    sent = {}
    for role in Role:
        answer = client.post("/login", data={"token": file.create(role.value, role)})
        sent[role] = {"Cookie": answer.headers["set-cookie"].partition(";")[0], **OWN}
    client.cookies.clear()
    return sent


@pytest.fixture(scope="module")
def viewer(headers: dict[Role, dict[str, str]]) -> dict[str, str]:
    """What a viewer's browser sends."""
    return headers[Role.VIEWER]


def test_each_study_leads_to_its_page_there(client: TestClient, viewer: dict[str, str]) -> None:
    answer = client.get("/studies/done/dashboard", headers=viewer)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/studies/1")
    page = client.get("/dashboard/studies/1", headers=viewer)
    assert "script-src 'self' 'unsafe-eval'" in page.headers["content-security-policy"]
    assert client.get("/static/bundle.js", headers=viewer).status_code == 200
    early = client.get("/studies/early/dashboard", headers=viewer)
    assert early.status_code == 409
    assert "no page in the Optuna dashboard" in early.text


def test_an_ended_study_has_plots_note_name_and_files(
    client: TestClient, viewer: dict[str, str], folder: Path
) -> None:
    study = client.get("/api/studies/1", headers=viewer).json()
    drawn = {graph["id"] for graph in study["plotly_graph_objects"]}
    assert {"verdict", "atlas-forward", "atlas-backward", "regret"} <= drawn
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        verdict = storage.study("done").verdict
    assert verdict is not None
    assert verdict["sentence"] in study["note"]["body"]
    assert "qsched run done.yaml" in study["note"]["body"]
    assert study["objective_names"] == ["mean validation accuracy"]
    files = {meta["filename"]: meta["artifact_id"] for meta in study["artifacts"]}
    name = f"found-{verdict['arms'][0]['arm']}.yaml"
    assert len(files) == 3
    file = client.get(f"/artifacts/1/{files[name]}", headers=viewer)
    found = Document.of(file.text).to(ScheduleFile)
    assert found.schedule.model_dump(mode="json") == verdict["arms"][0]["schedule"]


def test_an_uploaded_page_cannot_run_in_the_name_of_its_reader(
    client: TestClient, headers: dict[Role, dict[str, str]]
) -> None:
    body = {"file": "data:text/html;base64,PHNjcmlwdD4=", "filename": "evil.html"}
    sent = client.post("/api/artifacts/1", json=body, headers=headers[Role.EDITOR])
    assert sent.status_code == 201
    number = sent.json()["artifact_id"]
    page = client.get(f"/artifacts/1/{number}", headers=headers[Role.VIEWER])
    assert page.text == "<script>"
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "access-control-allow-origin" not in page.headers
    assert page.headers["x-content-type-options"] == "nosniff"


CHANGES = [
    ("POST", "/api/studies", {"study_name": "new", "directions": ["maximize"]}),
    ("POST", "/api/studies/1/rename", {"study_name": "other"}),
    ("PUT", "/api/studies/1/note", {"version": 99, "body": "mine"}),
    ("POST", "/api/trials/1/tell", {"state": "fail"}),
    ("POST", "/api/artifacts/1", {"file": "data:,x", "filename": "x"}),
    ("POST", "/incompatible-rdb-schema", {}),
    ("DELETE", "/api/studies/1", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_viewers_change_nothing_and_other_sites_neither(
    client: TestClient,
    headers: dict[Role, dict[str, str]],
    method: str,
    path: str,
    body: dict[str, object],
) -> None:
    before = client.get("/api/studies", headers=headers[Role.VIEWER]).json()
    foreign = {**headers[Role.EDITOR], "Sec-Fetch-Site": "cross-site"}
    for sent in (headers[Role.VIEWER], foreign):
        answer = client.request(method, path, content=json.dumps(body), headers=sent)
        assert answer.status_code == 403
    assert client.request(method, path, content=json.dumps(body)).status_code == 401
    assert client.get("/api/studies", headers=headers[Role.VIEWER]).json() == before


def test_paths_of_nobody_are_a_page_for_browsers(
    client: TestClient, viewer: dict[str, str]
) -> None:
    answer = client.get("/nowhere", headers={**viewer, "Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert re.search(r"<h1>Not Found</h1>", answer.text)


def test_clients_without_compression_are_served(
    client: TestClient, viewer: dict[str, str]
) -> None:
    bare = client.build_request("GET", "/static/bundle.js", headers=viewer)
    del bare.headers["accept-encoding"]
    answer = client.send(bare)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    tag = {"If-None-Match": answer.headers["etag"]} if "etag" in answer.headers else {}
    since = {"If-Modified-Since": answer.headers["last-modified"]}
    again = client.get("/static/bundle.js", headers={**viewer, **since, **tag})
    assert again.status_code == 304
    assert again.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/api/studies/99",
        "/api/studies/99999999999999999999999",
        "/artifacts/99/ba0aab24-da9b-49e3-8da5-850398d60b2f",
        "/artifacts/1/9999/ba0aab24-da9b-49e3-8da5-850398d60b2f",
        "/csv/99",
    ],
)
def test_what_is_not_there_is_no_failure(
    client: TestClient, viewer: dict[str, str], path: str
) -> None:
    assert client.get(path, headers=viewer).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [(m, p) for m, p, _ in CHANGES if p.startswith("/api/")]
)
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b"{",
        b"\xff",
        b'{"study_name": 7, "directions": [7], "body": 7, "state": 7, "file": 7}',
        b'{"file": "x", "directions": {}, "version": "x", "state": [], "study_name": []}',
        b'{"file": "data:text/html;base64,A", "version": [], "values": "x", "study_name": {}}',
    ],
)
def test_bodies_of_other_types_are_refused(
    client: TestClient, headers: dict[Role, dict[str, str]], method: str, path: str, body: bytes
) -> None:
    answer = client.request(method, path, content=body, headers=headers[Role.EDITOR])
    assert (answer.status_code, answer.headers["content-type"]) == (
        422,
        "application/problem+json",
    )
    assert answer.json()["errors"]


def test_nothing_is_no_reason_to_fail(
    client: TestClient, headers: dict[Role, dict[str, str]]
) -> None:
    for method, path in (("POST", "/api/studies"), ("PUT", "/api/studies/1/note")):
        assert client.request(method, path, headers=headers[Role.EDITOR]).status_code == 400


def test_a_study_that_runs_has_plots_and_a_note_of_its_state(
    client: TestClient, viewer: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        spec = fabricate.spec("searching", candidates=24)
        fabricate.search(storage, spec)
        number = storage.optuna.get_study_id_from_name("searching")
    study = client.get(f"/api/studies/{number}", headers=viewer).json()
    assert {"atlas-backward", "regret"} <= {g["id"] for g in study["plotly_graph_objects"]}
    assert "No verdict yet" in study["note"]["body"]
    assert study["objective_names"] == ["mean validation accuracy"]
    assert study["artifacts"] == []
    saved: list[str] = []
    monkeypatch.setattr(
        "qsched.report.dashboard.save_to_dashboard",
        lambda _, material, *more: saved.append(material.row.name),
    )
    client.get(f"/api/studies/{number}", headers=viewer)
    assert saved == []  # It was saved a moment ago.
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        storage.set_state("searching", "interrupted")
    client.get(f"/api/studies/{number}", headers=viewer)
    assert saved == ["searching"]


def test_editors_edit(client: TestClient, headers: dict[Role, dict[str, str]]) -> None:
    sent = headers[Role.EDITOR]
    version = client.get("/api/studies/1", headers=sent).json()["note"]["version"]
    body = {"version": version + 1, "body": "mine"}
    assert client.put("/api/studies/1/note", json=body, headers=sent).status_code == 204
    assert client.get("/api/studies/1", headers=sent).json()["note"]["body"] == "mine"


def test_a_study_that_is_deleted_there_keeps_a_page(
    client: TestClient, headers: dict[Role, dict[str, str]], folder: Path
) -> None:
    sent = headers[Role.EDITOR]
    assert client.get("/studies/done", headers=sent).status_code == 200
    for file in (folder / "served" / "artifacts").iterdir():
        file.unlink()
    assert client.request("DELETE", "/api/studies/1", json={}, headers=sent).status_code == 204
    with Storage.open(f"sqlite:///{folder}/qsched.db") as storage:
        storage.set_note("done", "touched", True)
    page = client.get("/studies/done", headers={**sent, "Accept": "text/html"})
    assert page.status_code == 200
    assert client.get("/studies/done/dashboard", headers=sent).status_code == 409
