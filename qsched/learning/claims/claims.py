"""Claims: what is said of learned schedules, and when it holds; read from a file."""

from __future__ import annotations

import pathlib
from typing import Annotated, Literal

from pydantic import Field

from qsched.files import load, resolve
from qsched.schedules.base import Frozen

__all__ = ["Claim", "Claims", "Line", "Which", "load_claims"]

Which = Literal["all", "deep", "long"]
"""Every task; those of deep networks; those of wide or long-trained ones."""


class Line(Frozen):
    """One test of a claim.

    Attributes:
        id: such as ``1a``.
        words: what is compared with what.
        measure: a key of :data:`qsched.learning.claims.measures.MEASURES`.
        tasks: on which tasks.
        test: when it holds; see the head of ``studies/claims.yaml``.
        value: the threshold of the test.
        sign: -1 where a difference is claimed to be negative.
    """

    id: str
    words: str
    measure: str
    tasks: Which = "all"
    test: Literal[
        "at_least",
        "not_worse",
        "nowhere_worse",
        "median_at_most",
        "ratio_at_least",
        "near_zero",
    ]
    value: float = 0.0
    sign: Literal[1, -1] = 1


class Claim(Frozen):
    """A claim: it holds where all its lines do."""

    id: str
    number: Annotated[int, Field(ge=1)]
    words: str
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]


class Claims(Frozen):
    """All claims, and what their tests have in common.

    Attributes:
        format: version of the file format.
        level: of the intervals.
        alpha: level of the tests, after correction for their number.
        margin: of non-inferiority, in accuracy.
        deep: layers from which a network is deep.
        seeds: of the report.
        claims: the claims.
    """

    format: Literal["qsched/claims/1"]
    level: Annotated[float, Field(gt=0.5, lt=1)]
    alpha: Annotated[float, Field(gt=0, lt=1)]
    margin: Annotated[float, Field(ge=0)]
    deep: int
    seeds: Annotated[int, Field(ge=2)]
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]


def load_claims(path: pathlib.Path | None = None) -> Claims:
    """Read claims; by default the bundled ``studies/claims.yaml``.

    Raises:
        SpecError: the file breaks rules.
        InputError: it cannot be read.
    """
    return load(Claims, resolve("studies", path or "claims"))
