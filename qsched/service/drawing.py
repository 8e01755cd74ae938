"""Tasks for the background: what is drawn of a study. Each opens the database by itself."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from qsched.errors import InputError
from qsched.report.figures import draw
from qsched.report.material import gather
from qsched.report.page import render
from qsched.service.results import Results, results
from qsched.storage import Storage

__all__ = ["draw_results", "draw_to_dashboard", "render_report"]


def draw_results(url: str, name: str) -> Results:
    """Return the results of a study as its page shows them; raises as :func:`results`."""
    with Storage.open(url, create=False) as storage:
        return results(storage, name)


def render_report(url: str, name: str) -> str:
    """Return the report of a study, one HTML page.

    Raises:
        InputError: there is no such study, or it has no runs yet.
        StorageError: its Optuna study is missing.
    """
    with Storage.open(url, create=False) as storage:
        material = gather(storage, name)
        return render(material, draw(material))


def draw_to_dashboard(url: str, name: str, folder: Path | None) -> None:
    """Save figures, note and schedule files of a study for Optuna's dashboard.

    Args:
        url: the study database.
        name: the study; nothing happens where it has no trainings yet.
        folder: where schedule files are kept; None keeps none.
    """
    from qsched.report.dashboard import save_to_dashboard  # Optuna's dashboard takes its time.

    with Storage.open(url, create=False) as storage, suppress(InputError):
        material = gather(storage, name)
        save_to_dashboard(storage, material, draw(material), folder)
