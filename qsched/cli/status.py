"""``qsched status``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qsched.cli.options import DATABASE, DatabaseOption, JsonOption
from qsched.cli.output import percent, print_json, print_table
from qsched.cli.remote import ServerOption, TokenFileOption, remote
from qsched.cli.stored import stored_name
from qsched.files import bundled_names

if TYPE_CHECKING:
    from qsched.storage import StudyRow, Tally

__all__ = ["status"]

_KEYS = (
    "study",
    "state",
    "trials",
    "trials_total",
    "runs",
    "best",
    "best_arm",
    "updated",
    "verdict",
)


def status(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="A stored study. Default: all.")
    ] = None,
    db: DatabaseOption = DATABASE,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far studies are, and what a finished one found.

    \b
        qsched status
        qsched status digits-ana
        qsched status --server http://localhost:8000
    """
    name = None if study is None else stored_name(study)
    found = _here(name, db) if server is None else _there(name, server, token_file)
    if as_json:
        print_json(found if name is None else found[0])
        return
    print_table(
        ("study", "state", "trials", "runs", "best", "updated"), [_cells(one) for one in found]
    )
    if name is None:
        return
    if "populations" in found[0]:
        typer.echo(f"\n{found[0]['populations']}")
    if found[0]["verdict"] is None:
        going_on = _resuming(name, db) if server is None else f"qsched run {name}"
        typer.echo(f"\nno verdict yet; `{going_on}` goes on where it stopped")
    else:
        _print_verdict(found[0])


def _here(name: str | None, db: str) -> list[dict[str, Any]]:
    from qsched.storage import Storage

    # Without Optuna, whose import takes longer than all the rest.
    with Storage.open(db, create=False) as storage, storage.guard():
        rows = storage.studies() if name is None else [storage.study(name)]
        return [_summary(row, storage.tally(row.name)) for row in rows]


def _summary(row: StudyRow, tally: Tally) -> dict[str, Any]:
    return {
        "study": row.name,
        "state": row.state,
        "trials": tally.candidates,
        "trials_total": row.spec.budget.trials,
        "runs": tally.runs,
        "best": tally.best,
        "best_arm": tally.best_arm,
        "updated": row.updated.isoformat(timespec="seconds"),
        "verdict": row.verdict,
        **_populations(row),
    }


def _populations(row: StudyRow) -> dict[str, str]:
    """Return what population based training has cost besides, if the study uses it."""
    if row.spec.sampler.name != "pbt":
        return {}
    from qsched.study.population import cost

    found = cost(row.notes)
    return {} if found is None else {"populations": str(found)}


def _there(name: str | None, server: str, token_file: Path | None) -> list[dict[str, Any]]:
    with remote(server, token_file) as there:
        found = list(there.studies()) if name is None else [there.study(name)]
    for one in found:
        updated = datetime.fromisoformat(one["updated"])
        one["updated"] = updated.isoformat(timespec="seconds")
    return [{key: one[key] for key in _KEYS} for one in found]


def _cells(summary: dict[str, Any]) -> tuple[str, ...]:
    arm = f" ({summary['best_arm']})" if summary["best_arm"] else ""
    return (
        summary["study"],
        summary["state"],
        f"{summary['trials']}/{summary['trials_total']}",
        str(summary["runs"]),
        percent(summary["best"]) + arm,
        summary["updated"],
    )


def _resuming(name: str, db: str) -> str:
    """Return the command that resumes a stored study."""
    from qsched.specs.command import command
    from qsched.storage import Storage

    words = f"qsched run {name}"
    if name in bundled_names("studies"):  # Then the name alone is that of the bundled file.
        with Storage.open(db, create=False) as storage:
            words = command(storage.study(name).spec)
    return words if db == DATABASE else f"{words} --db {db}"


def _print_verdict(summary: dict[str, Any]) -> None:
    import json

    from qsched.cli.verdict import verdict_text
    from qsched.study.verdict import Verdict

    typer.echo("\n" + verdict_text(Verdict.model_validate_json(json.dumps(summary["verdict"]))))
