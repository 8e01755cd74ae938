"""Write what was learned into docs/findings.md: the card, its pictures, the table of claims.

    qsched learn --out qsched-out/learned
    python docs/learned.py qsched-out/learned

Replaces what is between the marks in the page. Needs Chromium and ``pip install playwright``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from qsched.report.card import card_markdown
from qsched.specs.heuristics import Heuristics, load_heuristics

HERE = Path(__file__).parent
PICTURES = HERE / "img" / "learned"
BEGIN, END = "<!-- learned: begin -->", "<!-- learned: end -->"
KINDS = ("schedule", "ablation", "importance", "effects")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what qsched learn wrote")
    parser.add_argument("claims", nargs="*", help="options of qsched claims")
    options = parser.parse_args()
    heuristics = load_heuristics(options.folder / "heuristics.yaml")
    draw(options.folder / "card.html", heuristics)
    command = [str(Path(sys.executable).with_name("qsched")), "claims", "--markdown"]
    table = subprocess.check_output([*command, *options.claims], text=True)
    drawn = [path.stem for path in PICTURES.glob("*.png")]
    card = card_markdown(heuristics, pictures="img/learned", drawn=drawn)
    page = HERE / "findings.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    text = f"{card}\n### Claims\n\n    qsched claims\n\n{table}"
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def draw(card: Path, heuristics: Heuristics) -> None:
    """Take a picture of every figure that the page shows."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        sheet = browser.new_page(viewport={"width": 1000, "height": 900}, device_scale_factor=1.5)
        sheet.goto(card.absolute().as_uri())
        sheet.wait_for_selector(".plot svg.main-svg")
        for algorithm, rules in heuristics.page().items():
            names = [f"{algorithm}-{kind}" for kind in KINDS]
            for name in (*names, *(rule.id for rule in rules)):
                figure = sheet.locator(f"figure:has(#{name})")
                if figure.count():
                    figure.screenshot(path=PICTURES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
