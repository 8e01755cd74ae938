"""What was quantized in a model, what was not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from qsched.errors import InputError

__all__ = ["Entry", "Summary", "summary"]


@dataclass(frozen=True)
class Entry:
    """One module that was looked at.

    Attributes:
        name: of the module in the model.
        kind: its class.
        role: what of it would be quantized.
        depth: relative depth in the model; None if it is not quantized.
        levels: name of its levels; None if it is not quantized.
        reason: why it is not quantized; empty if it is.
        calls: how often the example called it; 0 if there was none.
    """

    name: str
    kind: str
    role: Literal["weights", "activations"]
    depth: float | None = None
    levels: str | None = None
    reason: str = ""
    calls: int = 0


@dataclass(frozen=True)
class Summary:
    """All modules that were looked at, in the order of the model; ``print`` shows a table."""

    entries: tuple[Entry, ...]

    @property
    def quantized(self) -> tuple[Entry, ...]:
        """Those that were quantized."""
        return tuple(entry for entry in self.entries if entry.levels is not None)

    def __str__(self) -> str:
        rows = [("module", "class", "role", "depth", "levels"), *map(_row, self.entries)]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  ".join([*(cell.ljust(n) for cell, n in zip(row, widths, strict=False)), row[4]])
            for row in rows
        ]
        lines.insert(1, "  ".join("-" * n for n in [*widths, max(len(row[4]) for row in rows)]))
        return "\n".join(line.rstrip() for line in lines)


def _row(entry: Entry) -> tuple[str, str, str, str, str]:
    depth = "" if entry.depth is None else f"{entry.depth:.2f}"
    found = entry.levels or f"float: {entry.reason}"
    if entry.calls > 1:
        found += f" (called {entry.calls} times)"
    return entry.name, entry.kind, entry.role, depth, found


def summary(model: nn.Module) -> Summary:
    """Return what :func:`qsched.quantize` did to a model, or to one that wraps it.

    Args:
        model: what was quantized, or a wrapper such as DDP.

    Raises:
        InputError: the model was not quantized.

    >>> import qsched
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> found = summary(qsched.quantize(model, qsched.Precision(last=True)))
    >>> [(entry.name, entry.levels) for entry in found.quantized]
    [('0', 'ternary'), ('1', 'ternary'), ('2', 'ternary')]
    """
    for module in model.modules():
        found = getattr(module, "qsched_summary", None)
        if isinstance(found, Summary):
            return found
    raise InputError("this model has no quantizers; call qsched.quantize(model, ...) first")
