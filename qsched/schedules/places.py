"""Where a quantizer stands in a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Place", "Role", "depths"]

Role = Literal["weights", "activations"]


@dataclass(frozen=True)
class Place:
    """One quantizer's place: role, relative depth and module name.

    Attributes:
        role: what it quantizes.
        depth: 0 at the input side, 1 at the output side.
        name: the module's name, as a regular expression of a schedule file sees it.

    >>> Place("weights", depth=0.0, name="conv1")
    Place(role='weights', depth=0.0, name='conv1')
    """

    role: Role
    depth: float
    name: str = ""


def depths(n_layers: int) -> tuple[float, ...]:
    """Return the relative depths of ``n_layers`` quantized layers, ``i / (n - 1)``.

    A single layer has depth 0; no layers have none.

    >>> depths(3)
    (0.0, 0.5, 1.0)
    """
    return tuple(i / (n_layers - 1) if n_layers > 1 else 0.0 for i in range(n_layers))
