"""Examples of all that the API takes and returns, for its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from qsched.files import bundled, to_yaml
from qsched.files.document import Document

__all__ = ["add_examples"]

Schema = dict[str, Any]

_SCHEDULE = "ana-2019-overlapped"
_VERDICT = "trial-67 reaches 87.2 % test accuracy: 2.1 points [1.2, 3.0] above hand-coded (ede)."
_STUDY: Schema = {
    "study": "digits-ana",
    "state": "finished",
    "trials": 256,
    "trials_total": 256,
    "runs": 2214,
    "best": 0.871,
    "best_arm": "trial-67",
    "updated": "2026-11-21T10:00:00+00:00",
    "verdict": {"sentence": _VERDICT},
}
_PROGRESS: Schema = {
    "phase": "search",
    "done": 512,
    "total": 640,
    "trials": 64,
    "trials_total": 256,
    "rung": "9 schedules x 2 seeds",
    "best": 0.865,
    "best_arm": "trial-31",
    "seconds_left": 95.0,
}
_ARM: Schema = {"accuracies": [0.872, 0.871, 0.873], "mean": 0.872, "interval": [0.869, 0.875]}
_EVENTS = """\
event: state
data: {"state": "running"}

event: rung
data: {"number": 7, "phase": "search", "rung": "9 schedules x 2 seeds"}

event: progress
data: {"phase": "search", "done": 512, "total": 640, "trials": 64, "trials_total": 256}

event: best
data: {"best": 0.871, "best_arm": "trial-67"}

event: trial
id: 67
data: {"number": 67, "arm": "trial-67", "kind": "candidate", "state": "complete", "value": 0.871}

event: end
data: {"state": "finished"}
"""
_METRICS = """\
# HELP qsched_requests_total Requests, by method, route and status.
# TYPE qsched_requests_total counter
qsched_requests_total{method="GET",route="/v1/studies/{name}",status="200"} 12.0
"""
_TABLE = """\
step,learning_rate,quantizer,role,depth,forward_std,mean,backward_std,frozen
0,0.01,layer1,weights,0,0.288675135,0,0.288675135,
"""
_TEXTS = {
    "text/event-stream": _EVENTS,
    "text/plain": _METRICS,
    "text/csv": _TABLE,
    "text/html": '<!DOCTYPE html>\n<html lang="en"><title>digits-ana</title>...</html>\n',
}
_FAULTS = [
    {
        "detail": 'should be a valid integer, but got "ten"',
        "pointer": "task.epochs",
        "line": 12,
    },
    {
        "detail": "a server reads bundled files only, and no search space is called `./mine.yaml`",
        "pointer": "space",
        "line": 16,
    },
]
_DETAILS = {
    400: "the request cannot be read",
    401: "this server wants a token; send it as `Authorization: Bearer TOKEN`, or log in",
    403: "this needs the role editor, but yours is viewer",
    404: "unknown stored study `digits-anna`; did you mean `digits-ana`?",
    409: "`digits-ana` has no verdict yet: it is running",
    413: "a body has at most 65536 bytes on this server",
    415: "a study file is sent as application/json or application/yaml, but got `text/html`",
    421: "this server answers only to its own name; start it with --url if browsers reach it by "
    "another one",
    422: "the file has 2 faults",
    429: "16 studies wait already, and no more may; try again later",
    503: "the study database does not answer",
}


def add_examples(document: Schema) -> None:
    """Give every body that an OpenAPI document describes an example, and every parameter."""
    shown = _models()
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            parameter.setdefault("example", _PARAMETERS[parameter["name"]])
        bodies = [*operation["responses"].items(), (0, operation.get("requestBody", {}))]
        for status, body in bodies:
            for kind, content in body.get("content", {}).items():
                if not content.keys() & {"example", "examples"}:
                    content["example"] = _example(int(status), kind, content, shown)


_PARAMETERS: Schema = {
    "name": "digits-ana",
    "after": "digits-ana",
    "limit": 50,
    "format": "yaml",
    "arm": "trial-40",
    "layers": 9,
    "length": 300,
    "tolerance": 1e-6,
    "if-none-match": '"5e1f0a4ac2a7e5c7b0f8a1d2c3b4a596"',
    "last-event-id": "67",
}


def _operations(document: Schema) -> Iterator[Schema]:
    for path in document["paths"].values():
        yield from path.values()


def _example(status: int, kind: str, content: Schema, shown: Schema) -> Any:
    if kind in _TEXTS:
        return _TEXTS[kind]
    schema = content.get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    if name == "ProblemDocument":
        return _problem(status)
    if schema.get("type") == "array":
        return [shown[schema["items"]["$ref"].rpartition("/")[2]]]
    if name.startswith("Page_"):
        return {"items": [shown[name.removeprefix("Page_").rstrip("_")]], "next": None}
    found = shown[name or "ScheduleFile"]
    return to_yaml(found) if kind == "application/yaml" else found


def _problem(status: int) -> Schema:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _DETAILS[status],
    }
    return {**document, "errors": _FAULTS if status == 422 else []}


def _models() -> Schema:
    """Return an example of each model, by its name in the document."""
    study = _bundled("studies", "digits-ana")
    file = _bundled("search_spaces/handcoded", _SCHEDULE)
    arm = {**_ARM, "arm": "trial-67", "contender": "found", "schedule": file["schedule"]}
    claim = {
        "other": "hand-coded",
        "arm": "ede",
        "difference": 0.021,
        "interval": [0.012, 0.03],
        "p_value": 0.0002,
        "seeds": 3,
        "significant": True,
    }
    return {
        "Body_login_login_post": {"token": "qsched_1f2e3d4c_...", "next": "/studies/digits-ana"},
        "Checked": {"kind": "study", "name": "digits-ana", "trainings": 4226},
        "Entry": {"name": _SCHEDULE, "about": file["about"]},
        "Health": {"status": "ok", "detail": ""},
        "Launched": {
            "study": "digits-ana",
            "sha256": "5f" * 32,
            "state": "running",
            "created": True,
        },
        "Listed": {"kind": "studies", "name": "digits-ana", "about": study["about"]},
        "RunItem": _RUN,
        "ScheduleFile": file,
        "StudyDetail": {
            **_STUDY,
            "state": "running",
            "verdict": None,
            "sha256": "5f" * 32,
            "created": "2026-11-21T09:41:00Z",
            "spec": study,
            "progress": _PROGRESS,
            "reason": None,
            "best_baseline": 0.85,
            "best_baseline_arm": "ede",
        },
        "StudyItem": _STUDY,
        "StudySpec": study,
        "Task": {"name": "digits", "kind": "data set"},
        "TrialItem": _TRIAL,
        "Verdict": {
            "study": "digits-ana",
            "spec_sha256": "5f" * 32,
            "level": 0.95,
            "trials": 256,
            "seeds": [200000, 200001, 200002],
            "arms": [arm, {**arm, "arm": "ede", "contender": "hand-coded"}],
            "comparisons": [claim],
            "sentence": _VERDICT,
            "rungs": "",
        },
    }


_RUN: Schema = {
    "id": 1204,
    "key": "9f2c1b",
    "arm": "trial-67",
    "phase": "search",
    "seed": 1093847,
    "length": 1.0,
    "evaluate": "validation",
    "learning_rate": 0.02,
    "status": "finished",
    "accuracy": 0.8725,
    "loss": 0.41,
    "steps": 300,
    "seconds": 0.8,
    "created": "2026-11-21T10:00:00Z",
}
_TRIAL: Schema = {
    "number": 67,
    "arm": "trial-67",
    "kind": "candidate",
    "state": "complete",
    "value": 0.871,
    "seeds": 8,
    "rungs": {"2": 0.865, "4": 0.869, "8": 0.871},
    "params": {"offset": 0.31},
}


def _bundled(folder: str, name: str) -> Schema:
    data: Schema = Document.read(bundled(folder) / f"{name}.yaml").data
    return data
