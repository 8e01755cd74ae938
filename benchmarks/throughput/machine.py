"""What it was measured on: versions, CPU or GPU, load; and the file of results."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.throughput.rows import Row

__all__ = ["cores", "cpu", "gpu", "machine", "rows_json", "write_results"]

RESULTS = Path(__file__).parents[1] / "results"
PACKAGES = ("qsched", "torch", "numba", "numpy", "optuna", "ray", "SQLAlchemy")


def machine() -> dict[str, Any]:
    """Return what results depend on."""
    return {
        "cpu": cpu(),
        "cores": cores(),
        "gpu": gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "load": [round(value, 2) for value in os.getloadavg()],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cpu() -> str:
    """Return the name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or "unknown processor"


def cores() -> int:
    """Return how many cores this process may use."""
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def gpu() -> str | None:
    """Return the name of the GPU, if there is one."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def rows_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows with all their samples as JSON data."""
    return [asdict(row) for row in rows]


def write_results(
    content: Mapping[str, Any], about: Mapping[str, Any], folder: Path = RESULTS
) -> Path:
    """Write ``DATE-MACHINE.json``; a later run of the same day replaces it."""
    name = about["gpu"] or f"{about['cpu']} {about['cores']} cores"
    slug = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")
    folder.mkdir(exist_ok=True)
    path = folder / f"{about['time'][:10]}-{slug}.json"
    path.write_text(json.dumps({"machine": about, **content}, indent=1) + "\n")
    return path


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
