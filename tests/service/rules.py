"""What every route of a server needs. A route that is not here fails a test."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from optuna.storages import InMemoryStorage
from optuna_dashboard import wsgi

__all__ = ["DASHBOARD", "OWN", "PUBLIC", "dashboard_routes", "own_routes", "sample_path"]

PUBLIC, VIEWER, EDITOR = "public", "viewer", "editor"

OWN: dict[tuple[str, str], str] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/login"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("GET", "/assets/{name}"): PUBLIC,
    ("HEAD", "/assets/{name}"): PUBLIC,
    ("POST", "/logout"): VIEWER,
    ("GET", "/metrics"): VIEWER,
    ("GET", "/v1/openapi.json"): VIEWER,
    ("HEAD", "/v1/openapi.json"): VIEWER,
    ("GET", "/v1/studies"): VIEWER,
    ("GET", "/v1/studies/{name}"): VIEWER,
    ("GET", "/v1/studies/{name}/trials"): VIEWER,
    ("GET", "/v1/studies/{name}/runs"): VIEWER,
    ("GET", "/v1/studies/{name}/best"): VIEWER,
    ("GET", "/v1/studies/{name}/file"): VIEWER,
    ("GET", "/v1/studies/{name}/verdict"): VIEWER,
    ("GET", "/v1/studies/{name}/report"): VIEWER,
    ("GET", "/v1/studies/{name}/events"): VIEWER,
    ("GET", "/v1/schedules"): VIEWER,
    ("GET", "/v1/tasks"): VIEWER,
    ("GET", "/v1/catalog"): VIEWER,
    ("POST", "/v1/check"): EDITOR,
    ("GET", "/"): VIEWER,
    ("GET", "/parts/studies"): VIEWER,
    ("GET", "/studies/{name}"): VIEWER,
    ("GET", "/parts/studies/{name}"): VIEWER,
    ("GET", "/studies/{name}/dashboard"): VIEWER,
    ("GET", "/studies/{name}/lowered"): VIEWER,
    ("GET", "/new"): VIEWER,
    ("POST", "/new"): EDITOR,
    ("POST", "/new/check"): EDITOR,
    ("POST", "/studies/{name}/stop"): EDITOR,
    ("POST", "/studies/{name}/resume"): EDITOR,
    ("POST", "/v1/studies"): EDITOR,
    ("POST", "/v1/studies/{name}/stop"): EDITOR,
    ("POST", "/v1/studies/{name}/resume"): EDITOR,
}
"""Routes of the server: what is needed, by method and pattern of the path."""

DASHBOARD: dict[tuple[str, str], str] = {
    ("GET", "/"): VIEWER,
    ("GET", "/dashboard<:re:(/.*)?>"): VIEWER,
    ("GET", "/api/meta"): VIEWER,
    ("GET", "/api/studies"): VIEWER,
    ("POST", "/api/studies"): EDITOR,
    ("POST", "/api/studies/<study_id:int>/rename"): EDITOR,
    ("DELETE", "/api/studies/<study_id:int>"): EDITOR,
    ("GET", "/api/studies/<study_id:int>"): VIEWER,
    ("GET", "/api/studies/<study_id:int>/param_importances"): VIEWER,
    ("GET", "/api/studies/<study_id:int>/plot/<plot_type>"): VIEWER,
    ("PUT", "/api/studies/<study_id:int>/note"): EDITOR,
    ("POST", "/api/studies/<study_id:int>/preference"): EDITOR,
    ("PUT", "/api/studies/<study_id:int>/preference_feedback_component"): EDITOR,
    ("DELETE", "/api/studies/<study_id:int>/preference/<history_id>"): EDITOR,
    ("POST", "/api/studies/<study_id:int>/preference/<history_id>"): EDITOR,
    ("POST", "/api/trials/<trial_id:int>/tell"): EDITOR,
    ("POST", "/api/trials/<trial_id:int>/user-attrs"): EDITOR,
    ("POST", "/api/studies/<study_id:int>/<trial_id:int>/skip"): EDITOR,
    ("PUT", "/api/studies/<study_id:int>/<trial_id:int>/note"): EDITOR,
    ("GET", "/csv/<study_id:int>"): VIEWER,
    ("GET", "/favicon.ico"): VIEWER,
    ("GET", "/static/<filename:path>"): VIEWER,
    ("GET", "/incompatible-rdb-schema"): VIEWER,
    ("POST", "/incompatible-rdb-schema"): EDITOR,
    ("GET", "/artifacts/<study_id:int>/<artifact_id:re:[0-9a-fA-F-]+>"): VIEWER,
    ("GET", "/artifacts/<study_id:int>/<trial_id:int>/<artifact_id:re:[0-9a-fA-F-]+>"): VIEWER,
    ("POST", "/api/artifacts/<study_id:int>/<trial_id:int>"): EDITOR,
    ("POST", "/api/artifacts/<study_id:int>"): EDITOR,
    (
        "DELETE",
        "/api/artifacts/<study_id:int>/<trial_id:int>/<artifact_id:re:[0-9a-fA-F-]+>",
    ): EDITOR,
    ("DELETE", "/api/artifacts/<study_id:int>/<artifact_id:re:[0-9a-fA-F-]+>"): EDITOR,
    ("POST", "/api/llm/trial_filter_query"): EDITOR,
    ("POST", "/api/llm/generate_plotly_graph_query"): EDITOR,
    ("POST", "/api/llm/re_generate_plotly_graph_query"): EDITOR,
}
"""The same for the Optuna dashboard."""


def own_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and pattern of all routes of an application."""
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or ()):
            assert route.path is not None
            yield method, route.path


def dashboard_routes() -> Iterator[tuple[str, str]]:
    """Yield method and pattern of all routes of the installed Optuna dashboard."""
    for route in wsgi(InMemoryStorage()).routes:
        yield route.method, route.rule


def sample_path(pattern: str) -> str:
    """Return a path that a route's pattern matches and that leads to nothing."""
    filled = pattern.replace("<:re:(/.*)?>", "").replace("{name}", "none")
    filled = re.sub("<[a-z_]+:re:[^>]*>", "abc", filled)
    return re.sub("<[a-z_]+:path>", "none.js", re.sub("<[a-z_]+(:int)?>", "987654", filled))
