"""``qsched reference``, hidden: the page docs/cli.md, written from the commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

__all__ = ["reference"]

_HEAD = """\
# Command line

<!-- Written by `make docs` from the commands; a test compares. -->
"""


def reference(context: typer.Context) -> None:
    """Print the page of all commands in Markdown."""
    root: Any = context.find_root().command
    parts = [_HEAD, inspect.cleandoc(root.help).replace("\b\n", "")]
    for name, command in _commands(root):
        parts.append(_section(name, command, typer.Context(command, info_name=name)))
    typer.echo("\n\n".join(part.strip() for part in parts))


def _commands(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the visible commands of a group, and those of groups within it."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", each) for inner, each in _commands(command))
        else:
            yield name, command


def _section(name: str, command: Any, context: typer.Context) -> str:
    usage = " ".join(["qsched", name, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help).replace("\b\n", "")
    records = [p.get_help_record(context) for p in command.get_params(context)]
    lines = [f"- `{_flat(left)}`: {_flat(right)}" for left, right in filter(None, records)]
    return "\n\n".join((f"## qsched {name}", f"`{usage}`", text, "\n".join(lines)))


def _flat(text: str) -> str:
    return " ".join(text.split())
