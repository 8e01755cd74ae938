"""``qsched status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qsched.cli.options import DATABASE, DatabaseOption, JsonOption
from qsched.cli.output import percent, print_json, print_table
from qsched.cli.stored import opened, stored_name

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from qsched.storage import Storage, StudyRow

__all__ = ["status"]


def status(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="A stored study. Default: all.")
    ] = None,
    db: DatabaseOption = DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Say how far studies are, and what a finished one found.

    \b
        qsched status
        qsched status digits-ana
    """
    with opened(db) as storage:
        rows = storage.studies() if study is None else [storage.study(stored_name(study))]
        found = [_summary(storage, row) for row in rows]
        if as_json:
            print_json(found if study is None else found[0])
            return
        print_table(
            ("study", "state", "trials", "runs", "best", "updated"), [_cells(one) for one in found]
        )
        if study is not None:
            _print_verdict(rows[0])


def _summary(storage: Storage, row: StudyRow) -> dict[str, Any]:
    candidates = _candidates(storage, row.name)
    best = max(
        (trial for trial in candidates if trial.value is not None), key=_value, default=None
    )
    return {
        "study": row.name,
        "state": row.state,
        "trials": len(candidates),
        "trials_total": row.spec.budget.trials,
        "runs": len(storage.runs(row.name)),
        "best": best.value if best else None,
        "best_arm": best.user_attrs["arm"] if best else None,
        "updated": row.updated.isoformat(timespec="seconds"),
        "verdict": row.verdict,
    }


def _candidates(storage: Storage, name: str) -> list[FrozenTrial]:
    import optuna

    try:
        study = optuna.load_study(study_name=name, storage=storage.optuna)
    except KeyError:
        return []  # It was stored, but interrupted before its first trial.
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.user_attrs.get("kind") == "candidate"]


def _value(trial: FrozenTrial) -> tuple[int, float]:
    """Order trials by how many seeds they have, then by their mean."""
    return trial.user_attrs["seeds"], trial.value or 0.0


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


def _print_verdict(row: StudyRow) -> None:
    import json

    from qsched.cli.verdict import verdict_text
    from qsched.study.verdict import Verdict

    if row.verdict is None:
        typer.echo(f"\nno verdict yet; `qsched run {row.name}` goes on where it stopped")
        return
    typer.echo("\n" + verdict_text(Verdict.model_validate_json(json.dumps(row.verdict))))
