"""Answers that many poll: the same as others, by the same rules, and never older than promised."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from qsched.service import jobs
from qsched.service.access import Role
from qsched.service.jobs import Job
from qsched.service.queries import Queries
from qsched.service.response_cache import CachedBody
from qsched.service.snapshots import Snapshots
from qsched.service.tokens import TokenFile
from qsched.storage import Storage
from qsched.study.noted import NOTE
from tests.report import fabricate
from tests.service.served import YAML, Served, served, study_file

LONG = 1e6
TOLD = {"phase": "search", "done": 7, "total": 9}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that reads a study once, and again when it has changed it."""
    with served(tmp_path_factory.mktemp("polled"), refresh=LONG) as server:
        yield server


def _noted(server: Served, name: str) -> None:
    """Change a study behind the server's back."""
    with Storage.open(server.settings.database) as storage:
        storage.set_note(name, NOTE, TOLD)


def test_what_is_ready_is_what_was_read(server: Served) -> None:
    client = server.client()
    first = client.get("/v1/studies/toy")
    _noted(server, "toy")
    second = client.get("/v1/studies/toy")
    assert first.json() == server.app.state.service.studies.one("toy").model_dump(mode="json")
    assert (second.status_code, second.content) == (200, first.content)
    for answer in (first, second):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers["x-request-id"]) == 16


def test_who_has_an_answer_already_gets_none(server: Served) -> None:
    client = server.client(Role.VIEWER)
    first = client.get("/v1/studies/toy")
    for tag in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = client.get("/v1/studies/toy", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    other = client.get("/v1/studies/toy", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_bodies_differ_by_their_tags() -> None:
    tags = {CachedBody(content, "text/plain").etag for content in (b"", b"a", b"b", b"a")}
    assert len(tags) == 3


def test_what_is_ready_wants_its_role(server: Served) -> None:
    path = "/v1/studies/toy"
    assert server.client().get(path).status_code == 200
    assert server.client(Role.VIEWER, browser=True).get(path).status_code == 200
    nobody = server.client(None)
    assert nobody.get(path).status_code == 401
    assert nobody.get(path, headers={"Authorization": "Bearer no"}).status_code == 401
    assert server.client().get(path, headers={"Host": "evil.example"}).status_code == 421
    for method in ("HEAD", "POST", "DELETE"):
        assert server.client().request(method, path).status_code in (404, 405)


def test_a_token_ends_for_what_is_ready_too(server: Served) -> None:
    assert server.settings.tokens is not None
    file = TokenFile(server.settings.tokens)
    token = file.create("gone", Role.VIEWER)
    client = server.client(None)
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get("/v1/studies/toy").status_code == 200
    file.revoke(token.split("_")[1])
    assert client.get("/v1/studies/toy").status_code == 401


def test_it_is_counted_by_its_route(server: Served) -> None:
    client = server.client()
    route = 'qsched_requests_total{method="GET",route="/v1/studies/{name}",status="200"}'

    def count() -> float:
        return float(client.get("/metrics").text.split(route)[1].split()[0])

    client.get("/v1/studies/toy")
    before = count()
    for _ in range(3):
        client.get("/v1/studies/toy")
    assert count() == before + 3
    assert client.get("/v1/studies/none").status_code == 404


def test_what_a_request_changes_is_seen_by_the_next(server: Served) -> None:
    client: TestClient = server.client()
    path = "/v1/studies/mine"
    assert client.get(path).status_code == 404
    assert client.post("/v1/studies", content=study_file(name="mine"), headers=YAML).is_success
    for action, state in (("", "waiting"), ("/stop", "interrupted"), ("/resume", "waiting")):
        if action:
            assert client.post(path + action).is_success
        assert client.get(path).json()["state"] == state
        assert client.get(path).json()["state"] == state


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with one study."""
    url = f"sqlite:///{tmp_path}/qsched.db"
    with Storage.open(url) as storage:
        fabricate.search(storage, fabricate.spec(candidates=2))
    return url


def test_a_study_is_read_again_when_it_is_old(database: str) -> None:
    now = [0.0]
    queries = Queries(database)
    snapshots = Snapshots(database, queries, lambda _: None, 1.0, lambda: now[0])
    assert snapshots.ready("digits-ana") is None
    first = snapshots.get("digits-ana")
    now[0] = 0.9
    assert snapshots.ready("digits-ana") is first
    now[0] = 1.0
    assert snapshots.ready("digits-ana") is None
    assert snapshots.get("digits-ana") is not first
    snapshots.close()
    queries.close()


class Slow(Queries):
    """A database that answers when it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked, self.free = threading.Event(), threading.Event()

    def run_count(self, study: str) -> int:
        """Wait, then count."""
        self.asked.set()
        assert self.free.wait(60)
        return super().run_count(study)


def test_while_a_study_is_read_the_last_one_is_sent_for_five_seconds(database: str) -> None:
    now = [0.0]
    queries = Slow(database)
    queries.free.set()
    snapshots = Snapshots(database, queries, lambda _: None, 1.0, lambda: now[0])
    first = snapshots.get("digits-ana")
    queries.free.clear()
    queries.asked.clear()
    now[0] = 2.0
    thread = threading.Thread(target=snapshots.get, args=("digits-ana",))
    thread.start()
    assert queries.asked.wait(60)
    assert snapshots.ready("digits-ana") is first
    assert snapshots.get("digits-ana") is first
    now[0] = 5.0
    assert snapshots.ready("digits-ana") is None
    queries.free.set()
    thread.join(60)
    assert snapshots.get("digits-ana") is not first
    snapshots.close()
    queries.close()


def test_a_study_that_the_server_has_done_with_is_read_as_it_ended(database: str) -> None:
    """It ends while it is read: never is its state the last one, and its reason missing."""
    queries, storage = Queries(database), Storage.open(database)

    def phase(name: str) -> None:
        job = Job(wanted="stop", order=0, reason="no luck")
        storage.set_state(name, "failed")
        storage.set_note(name, jobs.NOTE, job.model_dump())

    snapshots = Snapshots(database, queries, phase, 1.0)
    found = snapshots.get("digits-ana")
    job = Job.of(found.row.notes)
    assert job is not None
    assert (found.phase, found.row.state, job.reason) == (None, "failed", "no luck")
    snapshots.close()
    queries.close()
    storage.close()
