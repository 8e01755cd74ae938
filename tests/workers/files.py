"""Deployment files as they are checked: read, and held against schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

__all__ = ["ENTRYPOINT", "ROOT", "documents", "faults", "schema"]

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "workers" / "entrypoint.sh"
_SCHEMAS = Path(__file__).parent / "schemas"


def documents(path: str) -> list[dict[str, Any]]:
    """Return the documents of a YAML file of the project."""
    return list(yaml.safe_load_all((ROOT / path).read_text()))


def schema(name: str) -> dict[str, Any]:
    """Return a schema of the folder ``schemas``."""
    found: dict[str, Any] = json.loads((_SCHEMAS / name).read_text())
    return found


def faults(data: object, rules: dict[str, Any]) -> list[str]:
    """Return where ``data`` breaks a schema, and how."""
    resources = [
        (path.name, Resource.from_contents(schema(path.name), default_specification=DRAFT202012))
        for path in _SCHEMAS.glob("*.json")
    ]
    validator = Draft202012Validator(rules, registry=Registry().with_resources(resources))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]
