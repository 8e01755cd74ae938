"""The pages: what a browser sees of the service, rendered with as little script as serves."""

from __future__ import annotations

from fastapi import FastAPI

from qsched.service.pages import assets, exports, launch, studies
from qsched.service.pages.figure_cache import FigureCache
from qsched.service.pool import Pool

__all__ = ["add_pages"]


def add_pages(app: FastAPI, pool: Pool) -> None:
    """Add the pages to an application.

    Args:
        app: the application; its ``state.service`` is set.
        pool: the study database.
    """
    app.state.figure_cache = FigureCache(pool)
    for module in (assets, studies, exports, launch):
        app.include_router(module.router)
