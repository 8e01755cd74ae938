"""Where a study's numbers come from, and how to get them again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import yaml

from qsched.report.material import Material
from qsched.specs.command import command
from qsched.study.population import cost, is_note

__all__ = ["provenance", "spec_text"]

_INTERNAL = ("progress", "service")
"""Notes that a study and a server write for themselves."""


def provenance(material: Material) -> dict[str, str]:
    """Return what is known of a study's origin, by label."""
    row, verdict = material.row, material.verdict
    facts = {
        "Study": row.name,
        "State": row.state,
        "Command": command(row.spec),
        "SHA-256 of the specification": row.sha256,
        "Created": str(row.created),
        "Updated": str(row.updated),
        "Runs": _runs(material),
        "Training time": f"{sum(r.result.seconds for r in material.runs) / 60:.1f} min in all",
        "Versions": ", ".join(_versions(material)) or "not recorded",
    }
    if verdict is not None:
        facts["Seeds of the report"] = _span(verdict.seeds)
        facts["Rungs"] = verdict.rungs or "full length only"
    populations = cost(row.notes)
    if populations is not None:
        facts["Populations"] = str(populations)
    for key, value in row.notes.items():
        if key in _INTERNAL or is_note(key):
            continue
        facts[f"Note: {key}"] = value if isinstance(value, str) else json.dumps(value)
    return facts


def spec_text(material: Material) -> str:
    """Return the study's specification as YAML."""
    text: str = yaml.safe_dump(material.row.spec.model_dump(mode="json"), sort_keys=False)
    return text


def _runs(material: Material) -> str:
    phases = Counter(row.phase for row in material.runs)
    failed = sum(row.result.status == "failed" for row in material.runs)
    counts = ", ".join(f"{count} {phase}" for phase, count in phases.items())
    return f"{len(material.runs)} ({counts}), {failed} diverged"


def _versions(material: Material) -> list[str]:
    pairs = {pair for row in material.runs for pair in row.result.versions.items()}
    return [f"{name} {version}" for name, version in sorted(pairs)]


def _span(seeds: Iterable[int]) -> str:
    """Return seeds shortened to ranges.

    >>> _span((3, 4, 5, 9))
    '3 to 5, 9'
    """
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in ranges)
