"""The pages: what a browser sees of the service, rendered with as little script as serves."""

from __future__ import annotations

from fastapi import FastAPI

from qsched.service.pages import assets, exports, launch, studies
from qsched.service.pages.views import StudyViews

__all__ = ["add_pages"]


def add_pages(app: FastAPI, views: StudyViews) -> None:
    """Add the pages to an application.

    Args:
        app: the application; its ``state.service`` is set.
        views: its studies as pages show them.
    """
    app.state.views = views
    for module in (assets, studies, exports, launch):
        app.include_router(module.router)
