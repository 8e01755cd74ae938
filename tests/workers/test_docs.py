"""docs/deploy.md names what is there, and its compose override is a valid one."""

from __future__ import annotations

import re

import yaml

from tests.workers.files import ENTRYPOINT, ROOT, faults, schema

PAGE = (ROOT / "docs" / "deploy.md").read_text()


def test_files_and_roles_exist() -> None:
    for name in re.findall(r"(?:workers/|docker-)[\w.-]+\w", PAGE):
        assert (ROOT / name).is_file() or "override" in name, name
    for role in ("head", "worker", "service", "run"):
        assert f"`{role}`" in PAGE
        assert f"\n{role})\n" in ENTRYPOINT.read_text()


def test_what_compose_asks_for_is_made_on_the_page() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    for name in re.findall(r"\$\{(\w+):\?", compose):
        assert f"{name}=" in PAGE
    for name in re.findall(r"\$\{(\w+):-\./([\w.]+)\}", compose):
        assert name[1] in PAGE


def test_the_override_is_valid() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)
    assert faults(yaml.safe_load(block), schema("compose-spec.json")) == []
