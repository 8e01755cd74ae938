"""What commands print: JSON, tables of plain text, durations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer

__all__ = [
    "duration",
    "interval_text",
    "percent",
    "points",
    "print_json",
    "print_table",
    "table",
]


def print_json(data: Any) -> None:
    """Print data of JSON types, indented."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of plain text."""
    typer.echo(table(header, rows))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns are as wide as their widest cell, the last one ragged.

    >>> print(table(("name", "about"), [("a", "first"), ("long", "second")]))
    name  about
    ----  ------
    a     first
    long  second
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    cells = (
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in cells)


def percent(share: float | None) -> str:
    """Return a share in [0, 1] in percent, with one decimal; a dash for None.

    >>> percent(0.8694), percent(None)
    ('86.9 %', '-')
    """
    return "-" if share is None else f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """Return a difference of two shares in percentage points; nothing is ``+0.00``.

    >>> points(0.0391), points(-0.000001)
    ('+3.91 points', '+0.00 points')
    """
    return f"{100 * difference:+z.2f} points"


def interval_text(interval: tuple[float, float]) -> str:
    """Return an interval of shares, less what no share can be.

    >>> interval_text((0.86, 0.878)), interval_text((0.97, 1.003))
    ('86.0 to 87.8 %', '97.0 to 100.0 %')
    """
    low, high = (min(max(edge, 0.0), 1.0) for edge in interval)
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def duration(seconds: float) -> str:
    """Return a time in minutes and seconds, with hours if there are any.

    >>> duration(75.2), duration(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
