"""schemathesis over the OpenAPI document; benchmarks/service_checks.py sends more requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.schema import conforms
from tests.service.served import Failing, served

CASES = 100


@pytest.mark.filterwarnings("ignore::DeprecationWarning:schemathesis")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jsonschema")
def test_answers_are_as_the_document_says(tmp_path: Path) -> None:
    options = {"launcher": Failing(), "url": "http://testserver", "start": False}
    with served(tmp_path, **options) as server:  # type: ignore[arg-type]
        found = conforms(server, CASES)
    assert found.faults == []
    assert found.cases >= CASES
    statuses = {status for _, status in found.answers}
    assert {200, 201, 303, 404, 409, 422} <= statuses
    assert max(statuses) < 500
