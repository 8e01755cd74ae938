"""Options that several commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DATABASE",
    "AddressOption",
    "CpusOption",
    "DataOption",
    "DatabaseOption",
    "Engine",
    "EngineOption",
    "GpusOption",
    "JsonOption",
    "PluginOption",
    "RayOption",
    "SeedsOption",
    "TaskOption",
    "WorkersOption",
    "default_workers",
    "use_data",
    "use_engine",
    "use_plugins",
]

DATABASE = "sqlite:///qsched.db"


class Engine(StrEnum):
    """What trains."""

    auto = "auto"
    torch = "torch"
    native = "native"


def _kept(url: str) -> str:
    """Refuse a database in memory: what a command stores there ends with it."""
    if re.fullmatch(r"sqlite(\+\w+)?:(//)?(/|/?:memory:)?(\?.*)?|sqlite.*mode=memory.*", url):
        raise typer.BadParameter(
            f"a study database outlives its command, but `{url}` is in memory; name a file: "
            "sqlite:///FILE"
        )
    return url


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DatabaseOption = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="QSCHED_DB",
        metavar="URL",
        callback=_kept,
        help="The study database.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="QSCHED_DATA",
        metavar="FOLDER",
        help="Where the files of published data sets lie.",
    ),
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        help="A Python file that registers data sets or networks of your own; may be repeated.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Processes that train; 1 trains in this one. Default: one a CPU core.",
    ),
]
RayOption = Annotated[
    bool,
    typer.Option("--ray", help="Train on Ray actors of this machine instead of processes."),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST",
        help="Train on a running Ray cluster: HOST, HOST:PORT, auto or ray://HOST:PORT.",
    ),
]
GpusOption = Annotated[
    float,
    typer.Option(
        "--gpus",
        min=0,
        metavar="N",
        help="GPUs of each Ray worker; a fraction lets several share one.",
    ),
]
CpusOption = Annotated[
    float | None,
    typer.Option(
        "--cpus",
        min=0.01,
        metavar="N",
        help="CPUs of each Ray worker, which computes with so many threads. Default: 1.",
    ),
]
EngineOption = Annotated[
    Engine,
    typer.Option(
        "--engine",
        envvar="QSCHED_ENGINE",
        help="What trains: native lanes where they cover the task (auto), or one of the two.",
    ),
]
TaskOption = Annotated[
    str,
    typer.Option("--task", metavar="STUDY", help="The study whose task is trained on."),
]
SeedsOption = Annotated[
    int, typer.Option("--seeds", min=2, max=10_000, metavar="N", help="How many fresh seeds.")
]


def use_data(folder: Path | None) -> None:
    """Let loaders, in this process and its workers, look in ``folder``."""
    if folder is not None:
        os.environ["QSCHED_DATA"] = str(folder.absolute())


def use_engine(engine: Engine) -> None:
    """Let this process and its workers train with ``engine``."""
    os.environ["QSCHED_ENGINE"] = engine.value


def use_plugins(files: Sequence[Path] | None) -> tuple[Path, ...]:
    """Register what plugin files hold, in this process; return them as absolute paths."""
    from qsched.plugins import load_plugin

    for file in files or ():
        load_plugin(file)
    return tuple(file.absolute() for file in files or ())


def default_workers() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
