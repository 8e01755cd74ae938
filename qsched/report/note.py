"""A study's note in the Optuna dashboard, in Markdown."""

from __future__ import annotations

from qsched.report.material import Material
from qsched.report.provenance import spec_text
from qsched.report.tables import Table, verdict_table
from qsched.specs.command import command

__all__ = ["HEADING", "note"]

HEADING = "## Verdict"
"""What a note begins with."""


def note(material: Material) -> str:
    """Return the verdict in words and as a table, and the command that repeats the study."""
    parts = [f"{HEADING}\n\n{_plain(material.sentence)}"]
    if material.verdict is not None:
        parts.append(_table(verdict_table(material.verdict)))
    again = command(material.row.spec)
    parts.append(f"## Run it again\n\n```sh\n{again}\n```")
    if again.endswith(".yaml"):
        parts.append(f"with `{material.row.name}.yaml`:\n\n```yaml\n{spec_text(material)}```")
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = [table.head, ("---",) * len(table.head), *table.rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return ``text`` without what Markdown takes for markup."""
    for sign in "\\`*_<":
        text = text.replace(sign, f"\\{sign}")
    return text
