"""``qsched dashboard``."""

from __future__ import annotations

from typing import Annotated

import typer

from qsched.cli.options import DATABASE, DatabaseOption
from qsched.cli.stored import opened

__all__ = ["dashboard"]

_LOOPBACK = "127.0.0.1"


def dashboard(
    db: DatabaseOption = DATABASE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8080,
) -> None:
    """Open the Optuna dashboard on the study database, for this machine only; Ctrl-C ends it.

    The schedules of verdicts are there as artifacts; their files lie in `qsched-out/artifacts`.
    For more than one person, see `qsched serve`.

    \b
        qsched dashboard
        qsched dashboard --db sqlite:///elsewhere.db --port 9000
    """
    from optuna_dashboard import run_server

    from qsched.report.artifacts import ARTIFACTS, artifact_store, save_artifacts

    with opened(db) as storage:
        for row in storage.studies():
            save_artifacts(storage, row.name, ARTIFACTS)
        typer.echo(f"http://{_LOOPBACK}:{port}/ (Ctrl-C ends it)")
        store = artifact_store(ARTIFACTS)
        run_server(storage.optuna, host=_LOOPBACK, port=port, artifact_store=store)
