"""Requests that the OpenAPI document describes, and whether answers are as it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from schemathesis.checks import positive_data_acceptance

from qsched.service.access import Role
from tests.service.served import Served, study_file

__all__ = ["Found", "conforms"]

_NAMES = ("toy", "stopped", "none")


@dataclass
class Found:
    """What many requests gave.

    Attributes:
        cases: how many there were.
        answers: how many by operation and status.
        faults: every answer that is not as the document says, in words.
    """

    cases: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def conforms(server: Served, cases: int) -> Found:
    """Send requests that schemathesis makes of the document, all operations in turn.

    Its own checks judge the answers: no 5xx, status, media type, headers and body as stated, no
    method that is not stated, nothing without a token. One is left out: that every body which the
    document allows is taken, since the document does not know which files are bundled. To reach
    more than 404, half of the names are those of stored studies, and some of the files good ones.

    Args:
        server: not started yet, with the public address ``http://testserver``.
        cases: how many requests, at least.
    """
    headers = {"Authorization": f"Bearer {server.tokens[Role.EDITOR]}"}
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", server.app, headers=headers)
    operations = [result.ok() for result in schema.get_all_operations()]
    # Without parameters there is one request to make.
    varied = [op for op in operations if list(op.iter_parameters()) or op.body]
    count = -(-(cases - len(operations) + len(varied)) // len(varied))
    found = Found()
    for operation in operations:
        _check(operation, count, headers, found)
    return found


def _check(operation: Any, count: int, headers: dict[str, str], found: Found) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        _steer(case, operation.label, found.cases)
        answer = case.call(headers=headers)
        found.cases += 1
        found.answers[operation.label, answer.status_code] += 1
        try:
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        except BaseExceptionGroup as fault:
            found.faults.append(f"{operation.label}: {fault}")

    send()


def _steer(case: Any, label: str, number: int) -> None:
    if case.path_parameters and number % 2:
        case.path_parameters["name"] = _NAMES[number // 2 % 3]
    if label == "POST /v1/studies" and number % 3 == 0:
        case.media_type = "application/yaml"
        case.body = yaml.safe_load(study_file(name=f"new-{number // 3 % 8}"))
