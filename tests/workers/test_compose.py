"""docker-compose.yml: a valid file, in which nothing but the service can be reached."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.workers.files import ROOT, documents, faults, schema

[COMPOSE] = documents("docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RULES = schema("compose-spec.json")


def test_the_file_follows_the_specification() -> None:
    assert faults(COMPOSE, RULES) == []


def test_a_misspelt_field_is_noticed() -> None:
    wrong = copy.deepcopy(COMPOSE)
    wrong["services"]["worker"]["comand"] = ["worker"]
    assert len(faults(wrong, RULES)) == 1


def test_all_parts_are_there() -> None:
    assert SERVICES.keys() == {"database", "head", "worker", "service", "study"}
    assert "container_name" not in SERVICES["worker"]  # Else it could not be scaled.


def test_only_the_service_can_be_reached() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name, service in SERVICES.items():
        outside = "ports" in service or "outside" in service["networks"]
        assert outside == (name == "service")
        assert "network_mode" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_services_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    user, group = service["user"].split(":")
    assert int(user) >= 999 and int(group) >= 999
    assert service["networks"][0] == "inside"


def test_secrets_come_from_outside() -> None:
    secret = {"POSTGRES_PASSWORD", "PGPASSWORD", "RAY_AUTH_TOKEN"}
    seen = set()
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if key in secret:
                seen.add(key)
                # Empty or missing, compose refuses to start.
                assert value.startswith("${") and ":?" in value
            else:
                assert "TOKEN" not in key or value.startswith("/run/secrets/")
    assert seen == secret
    assert COMPOSE["secrets"] == {"tokens": {"file": "${QSCHED_TOKENS:-./tokens.json}"}}
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "tokens.json"} <= set(ignored)


def test_no_password_stands_in_a_url() -> None:
    for service in SERVICES.values():
        url = service.get("environment", {}).get("QSCHED_DB", "")
        assert ":" not in url.partition("://")[2].partition("@")[0]


def test_data_is_kept_in_volumes_and_starts_are_ordered() -> None:
    assert SERVICES["database"]["volumes"] == ["database:/var/lib/postgresql"]
    assert COMPOSE["volumes"].keys() == {"database", "service"}
    for name in ("database", "head", "service"):
        assert "test" in SERVICES[name]["healthcheck"]
    for name in ("service", "study"):
        waits = {"database": "service_healthy", "head": "service_healthy"}
        found = SERVICES[name]["depends_on"]
        assert {other: entry["condition"] for other, entry in found.items()} == waits


def test_roles_are_those_of_the_entrypoint() -> None:
    script = (ROOT / "workers" / "entrypoint.sh").read_text()
    for name in ("head", "worker", "service"):
        assert SERVICES[name]["command"] == [name]
        assert f"\n{name})\n" in script
    assert SERVICES["head"]["healthcheck"]["test"][1:] == ["qsched-entrypoint", "healthy"]
    assert "\nhealthy)\n" in script
