"""The study database: what was asked, every run, every trial, the verdict."""

from qsched.storage.database import DEFAULT_URL, Storage
from qsched.storage.leases import Lease
from qsched.storage.rows import Phase, RunRow, State, StudyRow
from qsched.storage.tally import Score, Tally

__all__ = [
    "DEFAULT_URL",
    "Lease",
    "Phase",
    "RunRow",
    "Score",
    "State",
    "Storage",
    "StudyRow",
    "Tally",
]
