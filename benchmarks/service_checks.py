"""Requests of strangers, viewers and machines to a server: what each group of checks found.

    python -m benchmarks.service_checks --cases 2000 --files 1000

Prints a table in Markdown, for docs/service.md; exits 1 if anything was not as it must be. The
groups are those of tests/service, which the test run goes through with fewer requests.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import optuna
from fastapi.testclient import TestClient

from qsched.service.access import Role
from tests.service.fuzz import HOSTILE, fuzzed
from tests.service.rules import DASHBOARD, OWN, PUBLIC, dashboard_routes, own_routes, sample_path
from tests.service.schema import conforms
from tests.service.served import Failing, served

__all__ = ["Row", "main"]

_KINDS = ("application/yaml", "application/json")
_OTHER_SITE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True)
class Row:
    """One group of checks.

    Attributes:
        group: what was tried.
        requests: how many requests that took.
        faults: how many answers were not as they must be.
        slowest: seconds of the slowest answer; None where nobody looked.
        detail: answers by status.
    """

    group: str
    requests: int
    faults: int
    slowest: float | None
    detail: str


def document(folder: Path, cases: int) -> Row:
    """Send what the OpenAPI document describes."""
    with served(folder, launcher=Failing(), url="http://testserver", start=False) as server:
        found = conforms(server, cases)
    for fault in found.faults[:5]:
        print(fault, file=sys.stderr)
    statuses: Counter[int] = Counter()
    for (_, status), count in found.answers.items():
        statuses[status] += count
    faults = len(found.faults) + sum(n for status, n in statuses.items() if status >= 500)
    return Row("OpenAPI document (schemathesis)", found.cases, faults, None, _shown(statuses))


def roles(folder: Path) -> Row:
    """Ask for every route as nobody, viewer and editor, by token and by session."""
    rules = {**DASHBOARD, **OWN}
    statuses: Counter[int] = Counter()
    with served(folder) as server:
        routes = {*own_routes(server.app), *dashboard_routes()}
        faults = len(routes ^ rules.keys())
        for browser in (False, True):
            for role in (None, Role.VIEWER, Role.EDITOR):
                for (method, pattern), rule in rules.items():
                    client = server.client(role, browser=browser)
                    status = client.request(
                        method, sample_path(pattern), headers={"Accept-Encoding": "gzip"}
                    ).status_code
                    statuses[status] += 1
                    faults += not _right(rule, role, status)
    group = f"{len(rules)} routes by role, dashboard's included"
    return Row(group, statuses.total(), faults, None, _shown(statuses))


def _right(rule: str, role: Role | None, status: int) -> bool:
    if rule != PUBLIC and role is None:
        return status == 401
    if rule == Role.EDITOR and role is Role.VIEWER:
        return status == 403
    return status not in (401, 403)


def other_sites(folder: Path) -> Row:
    """Change something from the page of another site, in the browser of an editor."""
    changing = [route for route in {**DASHBOARD, **OWN} if route[0] not in ("GET", "HEAD")]
    statuses: Counter[int] = Counter()
    for number, tokens in enumerate((True, False)):
        with served(folder / str(number), tokens=tokens) as server:
            client = server.client(browser=True)
            for method, pattern in changing:
                path = sample_path(pattern)
                statuses[client.request(method, path, headers=_OTHER_SITE).status_code] += 1
    faults = statuses.total() - statuses[403]
    return Row("changes from other sites (CSRF)", statuses.total(), faults, None, _shown(statuses))


def files(folder: Path, group: str, bodies: Sequence[tuple[str, bytes]]) -> Row:
    """Send study files that something is wrong with."""
    statuses: Counter[int] = Counter()
    faults, slowest = 0, 0.0
    with served(folder) as server:
        client = server.client()
        for kind, body in bodies:
            begin = time.perf_counter()
            statuses[_sent(client, kind, body)] += 1
            slowest = max(slowest, time.perf_counter() - begin)
    faults = sum(count for status, count in statuses.items() if status >= 500 or status == 0)
    return Row(group, len(bodies), faults, slowest, _shown(statuses))


def _sent(client: TestClient, kind: str, body: bytes) -> int:
    """Send a file; return the status, 0 for a refusal that is no problem document."""
    answer = client.post("/v1/studies", content=body, headers={"Content-Type": kind})
    refused = answer.status_code >= 400
    if refused and answer.headers["content-type"] != "application/problem+json":
        return 0
    return answer.status_code


def _shown(statuses: Counter[int]) -> str:
    return ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))


def _table(rows: Sequence[Row]) -> str:
    lines = ["| checks | requests | not as they must be | slowest answer | answers by status |"]
    lines.append("|---|---|---|---|---|")
    for row in rows:
        slowest = "" if row.slowest is None else f"{row.slowest:.2f} s"
        lines.append(
            f"| {row.group} | {row.requests:,} | {row.faults} | {slowest} | {row.detail} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run all groups and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000, help="requests to the document")
    parser.add_argument("--files", type=int, default=1000, help="fuzzed study files")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    hostile = [(kind, body) for body in HOSTILE.values() for kind in _KINDS]
    # The dashboard writes its errors to standard output.
    with tempfile.TemporaryDirectory() as name, redirect_stdout(sys.stderr):
        folder = Path(name)
        rows = [
            roles(folder / "roles"),
            other_sites(folder / "sites"),
            files(folder / "hostile", "hostile files: bombs, tags, nesting", hostile),
            files(folder / "fuzzed", "fuzzed study files", list(fuzzed(options.files))),
            document(folder / "document", options.cases),
        ]
    print(_table(rows))
    return int(any(row.faults for row in rows))


if __name__ == "__main__":
    sys.exit(main())
