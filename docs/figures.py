"""Draw the pictures of the documentation from a study database.

    qsched run digits-ana
    python docs/figures.py digits-ana

Needs ``pip install kaleido`` and Chrome or Chromium.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from qsched.report import draw, gather
from qsched.storage import DEFAULT_URL, Storage

PICTURES = {"atlas-forward": "atlas.png", "verdict": "verdict.png"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--db", default=DEFAULT_URL)
    options = parser.parse_args()
    folder = Path(__file__).parent / "img"
    folder.mkdir(exist_ok=True)
    with Storage.open(options.db, create=False) as storage:
        drawn = draw(gather(storage, options.study))
    for name, file in PICTURES.items():
        drawn[name].write_image(folder / file, width=1000, height=460, scale=1.5)
        print(folder / file)


if __name__ == "__main__":
    main()
