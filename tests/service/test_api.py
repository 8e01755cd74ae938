"""The routes under ``/v1``: what they return, against the database and the command line's code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from qsched.cli.check import validate
from qsched.cli.listing import ls
from qsched.errors import InputError
from qsched.files import bundled, bundled_names
from qsched.registry import DATASETS, NETWORKS
from qsched.schedules.file import ScheduleFile, dump, load_schedule
from qsched.schedules.lower import layer_places, lower
from qsched.service.settings import Limits
from qsched.specs import digest
from qsched.specs.files import load_study
from qsched.storage import Storage
from qsched.study.export import export
from qsched.study.verdict import Verdict
from tests.service.served import YAML, Served, served, study_file
from tests.study.toy import TOY


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("api"), limits=Limits(waiting=4)) as server:
        yield server


@pytest.fixture
def client(server: Served) -> TestClient:
    return server.client()


@pytest.fixture
def storage(server: Served) -> Iterator[Storage]:
    with Storage.open(server.settings.database) as storage:
        yield storage


def _pages(client: TestClient, path: str, limit: int) -> list[dict[str, Any]]:
    found, after = [], {}
    while True:
        page = client.get(path, params={"limit": limit, **after}).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_studies_are_listed_a_page_at_a_time(client: TestClient, storage: Storage) -> None:
    names = [row.name for row in storage.studies()]
    assert [item["study"] for item in _pages(client, "/v1/studies", 1)] == names
    assert [item["study"] for item in _pages(client, "/v1/studies", 50)] == names
    assert client.get("/v1/studies?after=none").status_code == 404


def test_a_study_is_told_in_full(client: TestClient, storage: Storage) -> None:
    row = storage.study("toy")
    found = client.get("/v1/studies/toy").json()
    assert found["spec"] == row.spec.model_dump(mode="json")
    assert (found["sha256"], found["state"], found["runs"]) == (
        row.sha256,
        "finished",
        len(storage.runs("toy")),
    )
    trials = optuna.load_study(study_name="toy", storage=storage.optuna).trials
    candidates = [trial for trial in trials if trial.user_attrs["kind"] == "candidate"]
    assert (found["trials"], found["trials_total"]) == (len(candidates), 4)
    top = max(t.user_attrs["seeds"] for t in candidates)
    best = max(t.value for t in candidates if t.user_attrs["seeds"] == top)
    assert found["best"] == best
    hand = [t for t in trials if t.user_attrs["kind"] == "baseline"]
    assert found["best_baseline"] == max(trial.value for trial in hand)
    assert found["progress"]["phase"] == "report"
    assert found["verdict"] == row.verdict


def test_trials_are_those_of_optuna(client: TestClient, storage: Storage) -> None:
    trials = optuna.load_study(study_name="toy", storage=storage.optuna).trials
    found = _pages(client, "/v1/studies/toy/trials", 3)
    assert [item["number"] for item in found] == [trial.number for trial in trials]
    for item, trial in zip(found, trials, strict=True):
        assert item["params"] == trial.params
        assert item["value"] == trial.value
        assert item["rungs"] == {str(k): v for k, v in trial.intermediate_values.items()}
        assert item["state"] == trial.state.name.lower()


def test_runs_are_those_of_the_database(client: TestClient, storage: Storage) -> None:
    stored = storage.runs("toy")
    found = _pages(client, "/v1/studies/toy/runs", 25)
    assert [item["key"] for item in found] == [row.result.key for row in stored]
    assert [item["accuracy"] for item in found] == [row.result.accuracy for row in stored]
    assert [item["seed"] for item in found] == [row.run.seed for row in stored]
    assert [item["arm"] for item in found] == [row.arm for row in stored]


def test_the_best_schedule_is_what_export_writes(
    client: TestClient, storage: Storage, tmp_path: Path
) -> None:
    expected = export(storage, "toy")
    answer = client.get("/v1/studies/toy/best")
    assert answer.text == dump(expected)
    assert 'filename="toy.yaml"' in answer.headers["content-disposition"]
    path = tmp_path / "best.yaml"
    path.write_text(answer.text)
    assert load_schedule(path) == expected
    answer = client.get("/v1/studies/toy/best?format=json")
    assert ScheduleFile.model_validate_json(answer.content) == expected
    for form in ("table", "quantlab"):
        answer = client.get(f"/v1/studies/toy/best?format={form}&layers=5&length=20")
        try:
            text = lower(expected, form, layer_places(5), length=20)
        except InputError as error:
            assert (answer.status_code, answer.json()["detail"]) == (422, str(error))
        else:
            assert answer.text == text
    arm = client.get("/v1/studies/toy/best", params={"arm": "ana-2019-overlapped"})
    assert arm.text == dump(export(storage, "toy", "ana-2019-overlapped"))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/toy/best?arm=trial-99", 404, "unknown arm"),
        ("/stopped/best", 409, "must be finished"),
        ("/stopped/best?arm=trial-1", 404, "unknown arm"),
        ("/stopped/verdict", 409, "no verdict yet"),
        ("/stopped/report", 422, "run"),
        ("/none", 404, "unknown stored study"),
        ("/none/events", 404, "unknown stored study"),
        ("/toy/best?format=exe", 422, "parameters"),
        ("/toy/best?format=cutie", 422, "computes tnn3 and tnn96 with ternary"),
        ("/toy/best?format=table&layers=1000&length=99999", 422, "at most 200000"),
        ("/toy/trials?limit=0", 422, "parameters"),
        ("/toy/runs?after=99999999999999999999", 422, "parameters"),
        ("/toy/none", 404, "nothing here"),
    ],
)
def test_refusals_say_why(client: TestClient, path: str, status: int, words: str) -> None:
    answer = client.get(f"/v1/studies{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert words in document["detail"] + str(document["errors"])


def test_a_wrong_method_is_told_the_right_ones(client: TestClient) -> None:
    answer = client.delete("/v1/studies/toy")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert client.put("/v1/studies").headers["allow"] == "GET, POST"


def test_verdict_and_report(client: TestClient, storage: Storage) -> None:
    verdict = Verdict.model_validate_json(client.get("/v1/studies/toy/verdict").content)
    assert verdict == Verdict.model_validate(storage.study("toy").verdict, strict=False)
    report = client.get("/v1/studies/toy/report")
    assert report.headers["content-disposition"].startswith("attachment")
    assert verdict.sentence in report.text


def test_a_file_is_taken_once(client: TestClient, storage: Storage) -> None:
    body = study_file(name="once", about="first")
    first = client.post("/v1/studies", content=body, headers=YAML)
    assert first.status_code == 201
    assert first.headers["location"] == "/v1/studies/once"
    assert first.json()["state"] == "waiting"
    assert first.json()["sha256"] == storage.study("once").sha256
    again = client.post("/v1/studies", content=body, headers=YAML)
    assert (again.status_code, again.json()["created"]) == (200, False)
    data = json.dumps(yaml.safe_load(body))
    same = client.post(
        "/v1/studies", content=data, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert same.status_code == 200
    other = study_file(name="once", about="second")
    conflict = client.post("/v1/studies", content=other, headers=YAML)
    assert conflict.status_code == 409
    assert "another name" in conflict.json()["detail"]
    assert client.post("/v1/studies/once/stop").json()["state"] == "interrupted"


def test_it_is_the_study_that_a_command_would_run(
    client: TestClient, storage: Storage, tmp_path: Path
) -> None:
    body = study_file(name="same")
    path = tmp_path / "same.yaml"
    path.write_text(body)
    answer = client.post("/v1/studies", content=body, headers=YAML)
    spec = load_study(path)
    assert answer.json()["sha256"] == digest(spec)
    assert storage.study("same").spec == spec
    client.post("/v1/studies/same/stop")


def test_faults_are_those_of_validate(
    client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = TOY.replace("epochs: 10", "epochs: 0\n  speed: 3").replace("trials: 4", "trials: x")
    broken = broken.replace("name: digits", "name: digitz").replace("lanes: 8", "lanes: 0")
    path = tmp_path / "toy.yaml"
    path.write_text(broken)
    import typer

    with pytest.raises(typer.Exit):
        validate([str(path)], as_json=True)
    (expected,) = json.loads(capsys.readouterr().out)
    errors = client.post("/v1/studies", content=broken, headers=YAML).json()["errors"]
    found = [f"{path}: line {e['line']}: {e['pointer']}: {e['detail']}" for e in errors]
    assert found == expected["errors"]
    assert len(found) >= 3


MIXED: dict[str, tuple[str, str, str]] = {
    "a name of no registry": ("name: digits,", "name: digitz,", "task.data.name"),
    "another one": ("name: mlp9", "name: mlp99", "task.network.name"),
    "a path": ("space: ana", "space: ./mine.yaml", "space"),
    "no bundled schedule": ("ana-2019-overlapped", "ana-2091", "baselines[1]"),
    "beyond a limit": ("trials: 4", "trials: 1000000", "budget.trials"),
    "beyond all limits": ("lanes: 8", "lanes: 1000000", "lanes"),
}
"""Faults of a file that is well formed: what is replaced, by what, and where that is a fault."""
MALFORMED: dict[str, tuple[str, str, str]] = {
    "not a number": ("epochs: 10", "epochs: ten", "task.epochs"),
    "not a key": ("sampler: {batch: 4}", "sampler: {batches: 4}", "sampler.batches"),
}


@pytest.mark.parametrize("faults", [MIXED, {**MIXED, **MALFORMED}], ids=["formed", "malformed"])
def test_faults_of_all_kinds_are_told_at_once(
    client: TestClient, faults: dict[str, tuple[str, str, str]]
) -> None:
    body = TOY
    for good, bad, _ in faults.values():
        assert body.count(good) == 1
        body = body.replace(good, bad)
    answer = client.post("/v1/studies", content=body, headers=YAML)
    errors = answer.json()["errors"]
    assert answer.status_code == 422
    expected = {where for _, _, where in faults.values()}
    # That a study takes too many trainings in all is told of one that can be counted.
    assert {fault["pointer"] for fault in errors} - {"budget"} == expected
    found = {fault["pointer"]: body.splitlines()[fault["line"] - 1] for fault in errors}
    assert all(bad in found[where] for _, bad, where in faults.values())


def test_a_file_of_another_format_has_this_one_fault(client: TestClient) -> None:
    body = TOY.replace("qsched/study/1", "qsched/study/9").replace("name: digits", "name: x")
    errors = client.post("/v1/studies", content=body, headers=YAML).json()["errors"]
    assert [fault["pointer"] for fault in errors] == ["format"]


def test_stop_and_resume_of_a_study_that_waits(client: TestClient, storage: Storage) -> None:
    assert client.post("/v1/studies/stopped/stop").status_code == 409
    assert client.post("/v1/studies/stopped/resume").json()["state"] == "waiting"
    assert client.post("/v1/studies/stopped/resume").json()["state"] == "waiting"
    assert client.post("/v1/studies/stopped/stop").json()["state"] == "interrupted"
    assert storage.study("stopped").state == "interrupted"
    finished = client.post("/v1/studies/toy/resume")
    assert (finished.status_code, "finished" in finished.json()["detail"]) == (409, True)


def test_only_some_studies_may_wait(client: TestClient, storage: Storage) -> None:
    names = [f"wait-{i}" for i in range(5)]
    answers = [
        client.post("/v1/studies", content=study_file(name=name), headers=YAML) for name in names
    ]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "wait-4" not in [row.name for row in storage.studies()]
    for name in names[:4]:
        client.post(f"/v1/studies/{name}/stop")


def _events(client: TestClient, name: str, **headers: str) -> list[tuple[str, str, Any]]:
    with client.stream("GET", f"/v1/studies/{name}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    found = []
    for block in re.split("\r?\n\r?\n", text.strip()):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def test_events_tell_all_and_end(client: TestClient) -> None:
    events = _events(client, "toy")
    trials = client.get("/v1/studies/toy/trials").json()["items"]
    assert [data for kind, _, data in events if kind == "trial"] == trials
    assert events[0] == ("state", "", {"state": "finished"})
    assert events[-1] == ("end", "", {"state": "finished"})
    study = client.get("/v1/studies/toy").json()
    best = next(data for kind, _, data in events if kind == "best")
    assert best == {"best": study["best"], "best_arm": study["best_arm"]}
    assert ("progress", "", study["progress"]) in events
    rungs = [data for kind, _, data in events if kind == "rung"]
    assert [rung["number"] for rung in rungs] == list(range(1, len(rungs) + 1))
    phases = [rung["phase"] for rung in rungs if not rung["rung"]]
    assert phases == ["search", "selection", "report"]
    search = [rung["rung"] for rung in rungs if rung["phase"] == "search" and rung["rung"]]
    assert search[0].endswith(" x 2 seeds")
    assert {key: rungs[-1][key] for key in ("phase", "rung")} == {
        key: study["progress"][key] for key in ("phase", "rung")
    }


def test_events_go_on_after_the_last_one_seen(client: TestClient) -> None:
    numbers = [id for kind, id, _ in _events(client, "toy") if kind == "trial"]
    rest = _events(client, "toy", **{"Last-Event-ID": numbers[2]})
    assert [id for kind, id, _ in rest if kind == "trial"] == numbers[3:]
    answer = client.get("/v1/studies/toy/events", headers={"Last-Event-ID": "-1;"})
    assert answer.status_code == 422


def test_only_some_event_streams_are_open(tmp_path: Path) -> None:
    with served(tmp_path, limits=Limits(streams=0)) as server:
        assert server.client().get("/v1/studies/toy/events").status_code == 429


def test_bundled_names(client: TestClient) -> None:
    names = [item["name"] for item in _pages(client, "/v1/schedules", 7)]
    assert names == list(bundled_names("search_spaces/handcoded"))
    tasks = {(item["name"], item["kind"]) for item in client.get("/v1/tasks").json()}
    expected = {(name, table.kind) for table in (DATASETS, NETWORKS) for name in table.names()}
    assert tasks == expected


def test_the_catalog_is_what_ls_lists(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    ls(as_json=True)
    assert client.get("/v1/catalog").json() == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("folder", "name", "kind"),
    [
        ("studies", "digits-ana", "study"),
        ("search_spaces", "ana", "space"),
        ("search_spaces/handcoded", "ana-reverse", "schedule"),
    ],
)
def test_files_of_all_kinds_are_checked(
    client: TestClient, folder: str, name: str, kind: str
) -> None:
    text = (bundled(folder) / f"{name}.yaml").read_text()
    checked = client.post("/v1/check", content=text, headers=YAML).json()
    assert (checked["kind"], checked["name"]) == (kind, name)
    assert (checked["trainings"] is not None) == (kind == "study")
    number = len(text.splitlines()) + 1
    faulty = client.post("/v1/check", content=f"{text}\nnonsense: 1\n".encode(), headers=YAML)
    (fault,) = faulty.json()["errors"]
    assert (faulty.status_code, fault["pointer"]) == (422, "nonsense")
    assert abs(fault["line"] - number) <= 1
    no_kind = client.post("/v1/check", content="name: x", headers=YAML).json()
    assert [fault["pointer"] for fault in no_kind["errors"]] == ["format"]


def test_health_and_metrics(server: Served, client: TestClient) -> None:
    anybody = server.client(None)
    assert anybody.get("/healthz").json()["status"] == "ok"
    assert anybody.get("/readyz").json()["status"] == "ok"
    assert anybody.get("/metrics").status_code == 401
    client.get("/v1/studies/toy")
    text = client.get("/metrics").text
    route = 'qsched_requests_total{method="GET",route="/v1/studies/{name}",status="200"}'
    assert float(text.split(route)[1].split()[0]) >= 1
    assert 'qsched_studies{phase="waiting"} 0.0' in text
    assert "qsched_event_streams 0.0" in text


def test_not_ready_without_a_database(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        (tmp_path / "qsched.db").rename(tmp_path / "gone.db")
        (tmp_path / "qsched.db").mkdir()
        server.app.state.service.queries.close()
        answer = server.client(None).get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "failing")
        assert str(tmp_path) not in answer.text


def test_the_openapi_document_is_complete(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            codes = operation["responses"]
            public = path in ("/healthz", "/readyz")
            assert public or {"401", "403", "421", "503"} <= set(codes), where
            for code, answer in codes.items():
                assert answer["description"], f"{where} {code}"
                if int(code) >= 400 and path != "/readyz":
                    assert "application/problem+json" in answer["content"], f"{where} {code}"


def _bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            bodies = {**operation["responses"], "request": operation.get("requestBody", {})}
            for status, body in bodies.items():
                for kind, content in body.get("content", {}).items():
                    yield f"{method} {path} {status}", kind, content


def test_every_body_has_an_example_that_is_one(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    places = list(_bodies(document))
    assert len(places) > 100
    for where, kind, content in places:
        named = content.get("examples", {}).values()
        examples = [each["value"] for each in named] or [content["example"]]
        for example in examples:
            assert example, where
            if kind == "application/yaml":
                example = yaml.safe_load(example)
            schema = content.get("schema", {})
            Draft202012Validator({**schema, "components": document["components"]}).validate(
                example
            )
            if kind == "application/problem+json":
                assert example["status"] == int(where.split()[2]), where


def test_every_parameter_is_explained(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                where = f"{method} {path} {parameter['name']}"
                assert parameter["description"].endswith("."), where
                assert "example" in parameter, where
