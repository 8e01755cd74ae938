"""The printed table, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.throughput.contenders import COMPILED, PEER_A
from benchmarks.throughput.costs import Costs, Growth
from benchmarks.throughput.goals import Verdict, shares
from benchmarks.throughput.rows import Row, ratio

__all__ = ["markdown", "size_line", "task_lines"]

STUDY_TRAININGS = 256


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose columns are aligned in plain text, too.

    >>> print("\\n".join(markdown(["row", "rate"], [["a", "10"]])))
    | row | rate |
    |-----|------|
    | a   | 10   |
    """
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for i, row in enumerate(cells):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(padded)} |"
        if i == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"


def size_line(flops: int, lane: int, together: int) -> str:
    """Return what one step of a lane is: operations, bytes, torch lanes that train together."""
    return (
        f"A step: {flops / 1e6:.3g} MFLOP, {lane / 1e6:.2g} MB a torch lane (memory grows by that "
        f"with each), {together} torch lanes together; native: one a thread"
    )


def task_lines(
    title: str,
    about: str,
    rows: Sequence[Row],
    peaks: Sequence[tuple[float, ...]],
    remark: str,
    alone: Sequence[float],
) -> Iterator[str]:
    """Yield the section of one task.

    Args:
        title: of the task, with its size.
        about: what one step is.
        rows: measured or not.
        peaks: of sgemm, in every round.
        remark: what else must be known; may be empty.
        alone: shares of the sgemm peak that its 3x3 layers reach alone; may be empty.
    """
    peak = ", ".join(f"{statistics.median(each) / 1e9:.0f}" for each in zip(*peaks, strict=True))
    yield f"### {title}"
    yield ""
    yield f"{about}. sgemm peak on 1, 2 cores: {peak} GFLOP/s{remark}"
    yield ""
    named = {row.name: row for row in rows if row.measured}
    peer_a, compiled = named.get(PEER_A), named.get(COMPILED)
    header = (
        "row", "cores", "trainings/h [least - most]", "x Peer A", "x compiled, a core",
        "GFLOP/s", "of sgemm", "accuracy",
    )  # fmt: skip
    yield from markdown(header, [_cells(row, peer_a, compiled, peaks) for row in rows])
    yield ""
    yield from _missing_lines(rows)
    if alone:
        least, most = min(alone), max(alone)
        yield (
            "The 3x3 layers alone, forward and both gradients on one core: "
            f"{statistics.median(alone):.1%} of sgemm [{least:.1%} - {most:.1%}]."
        )
        yield ""
    if peer_a is not None:
        yield from _peer_a_lines(peer_a)


def cost_lines(costs: Costs, growths: Sequence[Growth]) -> Iterator[str]:
    """Yield what a study costs besides training."""
    yield f"### digits-ana, {costs.trials} trials, 2 processes"
    yield ""
    yield (
        f"{costs.seconds:.1f} s for {costs.trainings:,} trainings ({costs.engine}) and report; "
        f"{1000 * costs.overhead:.1f} ms a trial besides training and report"
    )
    yield ""
    parts = [[k, f"{v:.2f}", f"{v / costs.seconds:.1%}"] for k, v in costs.parts.items()]
    yield from markdown(("part", "s", "share"), parts)
    yield ""
    yield from growth_lines(growths)


def growth_lines(growths: Sequence[Growth]) -> Iterator[str]:
    """Yield how a study's costs grow with its history."""
    header = ("finished trials", "ask, ms a trial", "tell, ms a trial", "report, s")
    yield from markdown(
        header,
        [
            (f"{g.trials:,}", f"{1000 * g.ask:.1f}", f"{1000 * g.tell:.1f}", f"{g.report:.1f}")
            for g in growths
        ],
    )
    yield ""


def verdict_lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield the goals."""
    yield "### Goals"
    yield ""
    yield from markdown(("goal", "found", ""), [(v.goal, v.found, v.word) for v in verdicts])
    yield ""


def note_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield what must be known about rows, each once."""
    for name, note in {row.name: row.note for row in rows if row.note}.items():
        yield f"- {name}: {note}."


def machine_lines(about: Mapping[str, Any]) -> Iterator[str]:
    """Yield what it was measured on."""
    versions = ", ".join(f"{name} {v}" for name, v in about["packages"].items() if v)
    where = f"{about['gpu'] or about['cpu']}, {about['cores']} cores, {about['system']}"
    yield f"{where}, Python {about['python']}, {versions}"
    yield f"Load at the start {about['load'][0]}; {about['time']}"


def _cells(
    row: Row, peer_a: Row | None, compiled: Row | None, peaks: Sequence[tuple[float, ...]]
) -> list[str]:
    if not row.measured:
        return [row.name, str(row.workers), "not available", *[""] * 5]
    rates = row.rates
    per_core = [rate / row.workers for rate in rates]
    scores = [sample.accuracy for sample in row.samples if sample.accuracy is not None]
    return [
        row.name,
        str(row.workers),
        f"{row.rate:,.0f} [{min(rates):,.0f} - {max(rates):,.0f}]",
        f"{ratio(rates, peer_a.rates):.2f}" if peer_a else "",
        f"{ratio(per_core, compiled.rates):.2f}" if compiled else "",
        f"{statistics.median(row.speeds) / 1e9:.1f}",
        f"{statistics.median(shares(row, peaks)):.1%}",
        f"{statistics.mean(scores):.3f}" if scores else "",
    ]


def _missing_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Say why rows are not available, each reason once."""
    reasons = dict.fromkeys(row.missing for row in rows if row.missing)
    for reason in reasons:
        names = ", ".join(row.name for row in rows if row.missing == reason)
        yield f"Not available: {names}: {reason}."
        yield ""


def _peer_a_lines(row: Row) -> Iterator[str]:
    """Say what start-up does to Peer A, and how much of it is training."""
    starts = [sample.startup for sample in row.samples if sample.startup is not None]
    startup = statistics.median(starts)
    whole = 3600 * STUDY_TRAININGS / (startup + 3600 * STUDY_TRAININGS / row.rate)
    training = statistics.median(sample.details["training"] for sample in row.samples)
    yield (
        f"Peer A starts up in {startup:.1f} s, so {STUDY_TRAININGS} trials with start-up go at "
        f"{whole:,.0f} an hour; {training:.0%} of its time between trials is training."
    )
    yield ""
