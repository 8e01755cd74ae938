"""Print the verdicts of all finished studies of a database as a Markdown table.

python benchmarks/verdicts.py --db sqlite:///qsched.db
"""

from __future__ import annotations

import argparse

from qsched.storage import DEFAULT_URL, Storage
from qsched.study import ArmSummary, Comparison, Verdict


def accuracy(arm: ArmSummary) -> str:
    """Return a mean test accuracy in percent, with the arm."""
    return f"{100 * arm.mean:.1f} ({arm.arm})"


def difference(comparison: Comparison) -> str:
    """Return a paired difference in points; in brackets if it is not significant."""
    low, high = (100 * edge for edge in comparison.interval)
    text = f"{100 * comparison.difference:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"**{text}**" if comparison.significant else f"none: {text}"


def row(verdict: Verdict, seed: int) -> str:
    """Return one line of the table."""
    found, hand, static, full = verdict.arms
    cells = [f"{verdict.study}, seed {seed}", *map(accuracy, (found, hand, static))]
    cells += [f"{100 * full.mean:.1f}", *map(difference, verdict.comparisons[:2])]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", default=DEFAULT_URL)
    options = parser.parse_args()
    print("| study | found | best hand-coded | best static | full precision |", end=" ")
    print("found - hand-coded | found - static |\n|---|---|---|---|---|---|---|")
    with Storage.open(options.db, create=False) as storage:
        for study in storage.studies():
            if study.verdict is not None:
                verdict = Verdict.model_validate(study.verdict, strict=False)
                print(row(verdict, study.spec.seed))


if __name__ == "__main__":
    main()
