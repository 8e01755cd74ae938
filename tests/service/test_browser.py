"""The whole path in a real browser: log in, launch, watch, verdict, dashboard, download, train."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from qsched.schedules.file import load_schedule
from tests.cli.test_entry import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COMMAND = [sys.executable, "-m", "qsched.cli"]
SMALL = {
    r"(?ms)^baselines:.*?^static:": "baselines: [ana-ste-static, ana-2019-overlapped]\nstatic:",
    r"backward_std: .*": "backward_std: [0.58]",
    r"learning_rates: .*": "learning_rates: [2.0]",
    r"selection_seeds: .*": "selection_seeds: 2\n  candidates: 2\n  baselines: 2",
    r"report_seeds: .*": "report_seeds: 4",
}
"""Lines of ``digits-ana`` that make it a study of seconds."""
CANDIDATES = 192
PATIENCE = 240_000
"""Milliseconds; the machine may be busy."""

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="playwright is not installed"
    ),
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium is installed; on Debian: apt-get install chromium"
    ),
]


@dataclass(frozen=True)
class Server:
    """A server in a process of its own.

    Attributes:
        url: where it is.
        token: an editor's.
        folder: where it and its database lie.
    """

    url: str
    token: str
    folder: Path


def qsched(folder: Path, *args: str) -> str:
    """Run a command in ``folder`` and return what it prints."""
    done = subprocess.run(
        [*COMMAND, *args], cwd=folder, env=_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of nobody else, with a token file and an empty database."""
    tmp_path = tmp_path_factory.mktemp("server")
    token = qsched(tmp_path, "token", "create", "--role", "editor").strip()
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--tokens", "tokens.json", "--workers", "1"],
            cwd=tmp_path,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), (tmp_path / "log.txt").read_text()
        found = Server(line.split()[0].rstrip("/"), token, tmp_path)
        yield found
        _stop_studies(found)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        process.stdout.close()


def _stop_studies(server: Server) -> None:
    """Stop what a failed test has left: studies go on without their server."""
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        for study in client.get("/v1/studies").json()["items"]:
            client.post(f"/v1/studies/{study['study']}/stop")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that fails the test on any error that the browser reports."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: errors.extend(_foreign(request.url, server.url)))
    yield page
    context.close()
    assert errors == []


def _foreign(url: str, own: str) -> list[str]:
    inside = url.startswith((own, "data:", "blob:"))
    return [] if inside else [f"asked for {url}"]


def test_from_the_login_to_a_training(page: Page, server: Server) -> None:
    _log_in(page, server)
    _launch(page)
    _watch(page)
    _verdict(page)
    _dashboard(page)
    schedule = _download(page, server.folder)
    _train(schedule, server.folder)


def _log_in(page: Page, server: Server) -> None:
    page.goto("/new")
    assert "/login?next=/new" in page.url
    page.get_by_label("Token").fill(server.token)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/new")


def _launch(page: Page) -> None:
    area = page.get_by_label("Study file")
    text = area.input_value()
    for pattern, line in SMALL.items():
        text, count = re.subn(pattern, line, text)
        assert count == 1, pattern
    area.fill(text.replace("epochs: 10", "epochs: ten"))
    fault = page.get_by_role("button", name="Line ")
    fault.wait_for()
    number = text[: text.index("epochs: 10")].count("\n") + 1
    assert fault.inner_text() == f"Line {number}"
    assert page.get_by_role("button", name="Launch").is_disabled()
    area.fill(text)
    page.get_by_text("No faults").wait_for()
    page.get_by_label("Candidates").fill(str(CANDIDATES))
    page.get_by_label("Name").fill("digits-small")
    page.locator(f"[data-name=digits-small][data-trials='{CANDIDATES}']").wait_for()
    page.get_by_role("button", name="Launch").click()
    page.wait_for_url("**/studies/digits-small")


def _watch(page: Page) -> None:
    """See progress grow and figures come, by themselves, up to the end; stay where one reads."""
    assert page.get_by_text("The first results come with the first trainings").is_visible()
    page.evaluate("window.neverLeft = true")
    seen: list[int] = []
    early = 0
    bar = page.get_by_role("progressbar")
    while not early or seen[-1] < 100:
        value = int(bar.get_attribute("value") or "")
        if not seen or value != seen[-1]:
            seen.append(value)
        if not early and page.locator("#results .main-svg").count():
            early = value
            page.get_by_text("arms of the search").click()
            page.locator("#arms").scroll_into_view_if_needed()
            top = _top(page)
        page.wait_for_timeout(200)
    assert seen == sorted(seen)
    assert any(0 < value < 100 for value in seen), seen
    page.locator("[data-state=finished]").wait_for(state="attached")
    page.locator("#verdict .main-svg").first.wait_for()
    assert page.evaluate("window.neverLeft")
    assert page.locator("#arms[open]").count() == 1
    assert abs(_top(page) - top) < 50
    arms = page.locator("#arms tbody tr").count()
    assert arms == CANDIDATES + 3
    newest = "Math.max(...document.getElementById('regret').data.flatMap((trace) => [...trace.x]))"
    assert page.evaluate(newest) >= CANDIDATES - 1


def _top(page: Page) -> float:
    """Where on the screen the open table is."""
    found = page.locator("#arms").evaluate("e => e.getBoundingClientRect().top")
    assert isinstance(found, float | int)
    return float(found)


def _verdict(page: Page) -> None:
    page.get_by_text("test accuracy:", exact=False).first.wait_for()
    page.locator("html[data-drawn]").wait_for(state="attached")
    assert page.locator("#verdict .main-svg").count() >= 1
    assert page.locator("#verdict .point").count() > 4 * 4
    assert "4" in page.locator("#verdict-section tbody tr").first.inner_text()


def _dashboard(page: Page) -> None:
    page.get_by_role("link", name="Optuna dashboard").last.click()
    page.wait_for_url("**/dashboard/studies/1")
    page.get_by_text("Study Artifacts").wait_for()
    page.goto("/dashboard/studies/1/trials")
    page.get_by_text("Trial 0", exact=False).first.wait_for()
    # Figures and note are saved in the background.
    read = "fetch('/api/studies/1').then((answer) => answer.json())"
    while not (known := page.evaluate(read))["note"]["body"]:
        page.wait_for_timeout(500)
    kinds = Counter(
        attr["value"] for t in known["trials"] for attr in t["user_attrs"] if attr["key"] == "kind"
    )
    assert kinds == {"baseline": 2, "static": 1, "candidate": CANDIDATES}
    page.goto("/dashboard/studies/1/note")
    page.get_by_text("test accuracy:", exact=False).first.wait_for()


def _download(page: Page, folder: Path) -> Path:
    page.goto("/studies/digits-small")
    with page.expect_download() as started:
        page.get_by_role("link", name="YAML").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def _train(schedule: Path, folder: Path) -> None:
    expected = load_schedule(schedule).expected
    assert expected is not None
    assert (expected.seeds, expected.split) == (4, "test")
    options = ["--task", "digits-small", "--seeds", "2", "--workers", "1", "--json"]
    trained = json.loads(qsched(folder, "train", str(schedule), *options))
    assert len(trained["accuracies"]) == 2


def test_narrow_pages_fit_and_keys_suffice(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    page.emulate_media(reduced_motion="reduce")
    _log_in(page, server)
    for path in ("/", "/new", "/login"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "New study"
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto("/")
    assert "/login?next=/" in page.url
