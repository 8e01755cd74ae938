"""The OpenAPI document: what FastAPI writes, and what it does not know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Security
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyCookie, HTTPBearer

from qsched.files import bundled
from qsched.service.documents import JSON, YAML
from qsched.service.examples import add_examples
from qsched.service.problems import ProblemDocument
from qsched.specs import StudySpec

__all__ = ["ANY_FILE", "SIGNED_IN", "STUDY_FILE", "STUDY_SCHEMA", "describe"]

_ABOUT = """\
Launch, watch and export studies. A study file names bundled search spaces and schedules only.

Send a token as `Authorization: Bearer TOKEN`; a browser logs in at `/login` and has a cookie.
Viewers may read (`GET`), editors may do everything. A server on a loopback address without a
token file lets everybody in. Every refusal is a problem document (RFC 9457) that lists all faults
at once.
"""

SIGNED_IN = (
    Security(HTTPBearer(auto_error=False, description="A token of `qsched token create`.")),
    Security(
        APIKeyCookie(
            name="qsched_session",
            auto_error=False,
            description="The cookie of `/login`; called `__Host-qsched_session` over HTTPS.",
        )
    ),
)
"""How requests say who asks, for the document alone: middleware has checked it before."""

_SCHEMA = "#/components/schemas/"
STUDY_SCHEMA = _SCHEMA + "StudySpec"
"""Of study files, in the document."""

STUDY_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A study file, as `qsched validate` checks it.",
        "content": {
            JSON[0]: {"schema": {"$ref": STUDY_SCHEMA}},
            YAML[0]: {"schema": {"$ref": STUDY_SCHEMA}},
        },
    }
}
"""The body of a route that takes a study file."""

ANY_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A study, search space or schedule; its `format` says which.",
        "content": {kind: {"schema": {"type": "object"}} for kind in (JSON[0], YAML[0])},
    }
}
"""The body of a route that takes any file."""


def describe(app: FastAPI) -> None:
    """Let ``app`` write its OpenAPI document with the models of what FastAPI does not parse."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=_ABOUT,
                routes=app.routes,
            )
            components = schema.setdefault("components", {}).setdefault("schemas", {})
            for model in (ProblemDocument, StudySpec):
                own = model.model_json_schema(ref_template=_SCHEMA + "{model}")
                components.update(own.pop("$defs", {}))
                components[model.__name__] = own
            example = (bundled("studies") / "digits-ana.yaml").read_text(encoding="utf-8")
            bodies = schema["paths"]["/v1/studies"]["post"]["requestBody"]["content"]
            bodies[YAML[0]]["examples"] = {"digits-ana": {"value": example}}
            add_examples(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
