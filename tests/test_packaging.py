"""What the project is made of and how it is built: pins, targets, image, license."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", pin), pin
    return {canonicalize_name(name): pinned for name, pinned in (p.split("==") for p in pins)}


def needed(requirements: list[str]) -> set[str]:
    """Return the names of all distributions that requirements lead to, on this machine."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        entry = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if entry not in found:
            found.add(entry)
            waiting.extend(_next(entry[0], requirement.extras))
    return {name for name, _ in found}


def _next(name: str, extras: set[str]) -> Iterator[Requirement]:
    for text in requires(name) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def declared() -> list[str]:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    own = re.compile(r"qsched\[(.+)\]")
    listed = [*extras["dev"], *extras["all"]]
    named = {
        name for text in listed if (match := own.fullmatch(text)) for name in match[1].split(",")
    }
    texts = [text for name in sorted({"dev", *named}) for text in extras[name]]
    return project["dependencies"] + [text for text in texts if not own.fullmatch(text)]


def test_every_version_that_is_needed_is_pinned() -> None:
    pins = constraints()
    assert needed(declared()) - pins.keys() == set()
    build = [Requirement(text) for text in PROJECT["build-system"]["requires"]]
    for requirement in build:
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_nothing_is_pinned_that_is_not_needed() -> None:
    build = PROJECT["build-system"]["requires"]
    assert constraints().keys() - needed([*declared(), *build]) == set()


def test_all_is_every_extra_that_a_user_may_want() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["all"] == [f"qsched[{','.join(sorted(extras.keys() - {'all', 'dev'}))}]"]


def test_pins_are_what_the_tests_run_with() -> None:
    for name, pinned in constraints().items():
        try:
            installed = Version(version(name))
        except PackageNotFoundError:
            continue
        assert installed.public == pinned, f"{name}: run `make clean` and `make test`"


def test_pins_satisfy_what_the_project_declares() -> None:
    pins = constraints()
    for text in declared():
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text
    assert pins["torch"] == "2.13.0"


def makefile() -> str:
    return (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("target", re.findall(r"^([a-z-]+):.*## ", makefile(), re.MULTILINE))
def test_every_target_is_documented(target: str) -> None:
    pages = (ROOT / name for name in ("README.md", "CONTRIBUTING.md"))
    assert target == "help" or any(f"make {target}" in page.read_text() for page in pages)


def test_documented_targets_exist() -> None:
    pages = ((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", ".ci/run"))
    command = re.compile(r"(?:^ *|`)make ([a-z][a-z-]+)", re.MULTILINE)
    named = {target for page in pages for target in command.findall(page)}
    assert named >= {"study", "test", "lint", "wheel-check"}
    for target in named:
        assert re.search(rf"^{target}:", makefile(), re.MULTILINE), target


def test_the_check_of_a_change_ends_with_the_tests() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("make test")


def test_the_license_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_services_run_without_root_and_are_reached_from_this_machine_alone() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["services"]
    for service in compose["services"].values():
        assert service["user"] not in ("root", "0", "0:0")
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"])


def test_the_image_is_pinned_and_copies_what_the_package_is_built_from() -> None:
    lines = (ROOT / "workers/Dockerfile").read_text().splitlines()
    [base] = [line for line in lines if line.startswith("FROM ")]
    assert re.fullmatch(r"FROM python:3\.\d+\.\d+-slim-[a-z]+", base)
    assert lines.index("USER qsched") < next(
        i for i, line in enumerate(lines) if line.startswith("ENTRYPOINT")
    )
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert copied >= {*wheel["packages"], *wheel["force-include"], "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in copied)
