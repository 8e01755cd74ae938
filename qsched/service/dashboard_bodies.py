"""Bodies for the Optuna dashboard, which fails at those that are not of the types it expects."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from qsched.service.problems import Fault

__all__ = ["faults"]


def _data_url(text: str) -> str:
    head, comma, data = text.partition(",")
    if not head.startswith("data:") or not comma:
        raise ValueError("a file is sent as a data URL: data:TYPE;base64,CONTENT")
    try:
        base64.standard_b64decode(data)
    except binascii.Error as error:
        raise ValueError(f"the content of a data URL is base64, but {error}") from None
    return text


class _Sent(BaseModel):
    """All keys that the dashboard reads, of all its calls."""

    model_config = ConfigDict(extra="allow", strict=True)

    study_name: str | None = None
    directions: list[str] = []
    version: int | None = None
    body: str | None = None
    mode: str = ""
    candidates: list[int] = []
    clicked: int = -1
    output_type: str = ""
    artifact_key: str | None = None
    state: str = ""
    values: list[float] | None = None
    user_attrs: dict[str, Any] = {}
    remove_associated_artifacts: bool = True
    file: Annotated[str, AfterValidator(_data_url)] | None = None
    filename: str = ""
    user_query: str = ""
    last_response: dict[str, Any] = {}


def faults(body: bytes) -> list[Fault]:
    """Return what is wrong with a body for the dashboard's own routes: JSON, an object."""
    try:
        _Sent.model_validate_json(body)
    except ValidationError as error:
        return [
            Fault(
                detail=each["msg"].removeprefix("Value error, "),
                pointer=".".join(map(str, each["loc"])) or None,
            )
            for each in error.errors(include_url=False)
        ]
    return []
