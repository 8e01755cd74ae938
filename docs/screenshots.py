"""Take the pictures of the service's pages, docs/img/service-*.png, of studies run for it.

    python docs/screenshots.py

Starts a server in a folder of its own, launches `digits-ana` and `digits-inq` from the form, and
takes pictures while they run and when the first has ended: some minutes. Needs Chromium and
``pip install playwright``.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "img"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
DESKTOP, PHONE = (1200, 900), (375, 780)
PATIENCE = 1_800_000


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a server; yield its address and an editor's token."""
    program = str(Path(sys.executable).with_name("qsched"))
    create = [program, "token", "create", "--role", "editor", "--name", "ana"]
    token = subprocess.check_output(create, cwd=folder, text=True).strip()
    line = [program, "serve", "--port", "0", "--tokens", "tokens.json"]
    process = subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[0], token
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def take(
    page: Page,
    name: str,
    size: tuple[int, int] = DESKTOP,
    top: int = 0,
    whole: bool = False,
) -> None:
    """Save what a window of this size shows of a page, from ``top`` pixels on, or all below."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("top => scrollTo(0, top)", top)
    page.wait_for_timeout(1000)
    file = IMAGES / f"service-{name}.png"
    page.screenshot(path=file, full_page=whole)
    print(file)


def launch(page: Page, name: str, trials: int) -> None:
    """Launch a bundled study from the form."""
    page.goto(f"/new?study={name}")
    page.get_by_label("Candidates").fill(str(trials))
    page.locator(f"[data-trials='{trials}']").wait_for()
    page.get_by_role("button", name="Launch").click()
    page.locator("[data-state]").wait_for()


def pictures(browser: Browser, url: str, token: str, trials: int) -> None:
    """Go through all pages."""
    context = browser.new_context(base_url=url, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto("/new")
    page.get_by_label("Token").fill(token)
    take(page, "login", (800, 420))
    page.keyboard.press("Enter")
    page.get_by_label("Study file").wait_for()
    area = page.get_by_label("Study file")
    text = area.input_value()
    area.fill(text.replace("epochs: 10", "epochs: ten").replace("width: 16", "widths: 16"))
    page.get_by_role("button", name="Line ").first.click()
    take(page, "new")
    launch(page, "digits-ana", trials)
    launch(page, "digits-inq", trials)
    page.goto("/studies/digits-ana")
    while int(page.locator("progress").get_attribute("value") or "") < 40:
        page.wait_for_timeout(500)
    page.locator("#results .main-svg").first.wait_for()
    take(page, "running")
    page.get_by_text("Schedules on the test set").wait_for()
    # A page whose figures are the last ones asks for no more.
    page.locator("#progress:not([data-live])").wait_for()
    take(page, "study", (1200, 1150))
    atlas = page.locator("#atlas").evaluate("e => e.getBoundingClientRect().top + scrollY")
    take(page, "atlas", (1200, 1000), int(atlas))
    page.emulate_media(color_scheme="dark")
    take(page, "study-dark", (1200, 1150))
    page.emulate_media(color_scheme="light")
    take(page, "study-phone", PHONE)
    page.goto("/")
    take(page, "studies", (1200, 400), whole=True)
    take(page, "studies-phone", PHONE)
    page.set_viewport_size({"width": 1300, "height": 1000})
    page.goto("/studies/digits-ana/dashboard")
    page.get_by_text("Study Artifacts").wait_for()
    plots = page.locator("[id^='user-defined-plot:']").first
    plots.locator(".main-svg").first.wait_for()
    top = plots.evaluate("e => e.getBoundingClientRect().top + scrollY")
    take(page, "dashboard", (1300, 1000), int(top) - 130)
    # Studies go on without their server, and this one has served its purpose.
    page.goto("/studies/digits-inq")
    if page.get_by_role("button", name="Stop").count():
        page.get_by_role("button", name="Stop").click()
        page.locator("[data-state=interrupted], [data-state=finished]").wait_for()
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=256)
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder)) as (url, token),
        sync_playwright() as playwright,
    ):
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        pictures(browser, url, token, options.trials)
        browser.close()


if __name__ == "__main__":
    main()
