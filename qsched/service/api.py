"""The routes under ``/v1``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from qsched.service.deps import StudiesDep
from qsched.service.problems import responses

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["studies"])


@router.get("/studies", responses=responses())
def studies(studies: StudiesDep) -> list[dict[str, Any]]:
    """Say how far all studies are."""
    return studies.all()


@router.get("/studies/{name}", responses=responses(404))
def study(name: str, studies: StudiesDep) -> dict[str, Any]:
    """Say how far one study is."""
    return studies.one(name)
