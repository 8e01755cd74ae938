"""Optuna's tables, as far as this package reads or writes them itself.

Optuna appends a trial parameter by parameter, and counts trials by reading all of them; one
statement a table does the same. What is known of its schema stands here and nowhere else; a test
compares it with the tables that Optuna makes. Optuna itself is not imported: that takes longer
than a query.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    func,
    select,
)

__all__ = [
    "METADATA",
    "REVISION",
    "STUDIES",
    "STUDY_DIRECTIONS",
    "STUDY_SYSTEM_ATTRIBUTES",
    "STUDY_USER_ATTRIBUTES",
    "TRIALS",
    "TRIAL_INTERMEDIATE_VALUES",
    "TRIAL_PARAMS",
    "TRIAL_SYSTEM_ATTRIBUTES",
    "TRIAL_USER_ATTRIBUTES",
    "TRIAL_VALUES",
    "lock",
    "names",
    "next_number",
    "states",
    "trial_ids",
]

REVISION = "v3.2.0.a"
"""What Optuna calls this schema: that of releases 3.2 to 5.0."""

METADATA = MetaData()

_FLOAT = Float(53)
_NAME = String(512)

STUDIES = Table(
    "studies",
    METADATA,
    Column("study_id", Integer, primary_key=True),
    Column("study_name", _NAME, nullable=False),
)

STUDY_DIRECTIONS = Table(
    "study_directions",
    METADATA,
    Column("study_direction_id", Integer, primary_key=True),
    Column("study_id", Integer, ForeignKey("studies.study_id"), nullable=False),
    Column("objective", Integer, nullable=False),
    Column(
        "direction",
        Enum("NOT_SET", "MINIMIZE", "MAXIMIZE", name="studydirection"),
        nullable=False,
    ),
)

TRIALS = Table(
    "trials",
    METADATA,
    Column("trial_id", Integer, primary_key=True),
    Column("study_id", Integer, ForeignKey("studies.study_id")),
    Column("number", Integer),
    Column(
        "state",
        Enum("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING", name="trialstate"),
        nullable=False,
    ),
    Column("datetime_start", DateTime),
    Column("datetime_complete", DateTime),
)

TRIAL_PARAMS = Table(
    "trial_params",
    METADATA,
    Column("param_id", Integer, primary_key=True),
    Column("trial_id", Integer, ForeignKey("trials.trial_id")),
    Column("param_name", _NAME),
    Column("param_value", _FLOAT),
    Column("distribution_json", Text),
)

TRIAL_VALUES = Table(
    "trial_values",
    METADATA,
    Column("trial_value_id", Integer, primary_key=True),
    Column("trial_id", Integer, ForeignKey("trials.trial_id"), nullable=False),
    Column("objective", Integer, nullable=False),
    Column("value", _FLOAT),
    Column(
        "value_type", Enum("FINITE", "INF_POS", "INF_NEG", name="trialvaluetype"), nullable=False
    ),
)

TRIAL_INTERMEDIATE_VALUES = Table(
    "trial_intermediate_values",
    METADATA,
    Column("trial_intermediate_value_id", Integer, primary_key=True),
    Column("trial_id", Integer, ForeignKey("trials.trial_id"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("intermediate_value", _FLOAT),
    Column(
        "intermediate_value_type",
        Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="trialintermediatevaluetype"),
        nullable=False,
    ),
)


def _attributes(owner: Table, kind: str) -> Table:
    """Return the table of a study's or a trial's attributes, a row for each key."""
    [number] = owner.primary_key.columns
    name = f"{number.name.removesuffix('_id')}_{kind}_attribute"
    return Table(
        f"{name}s",
        METADATA,
        Column(f"{name}_id", Integer, primary_key=True),
        Column(number.name, Integer, ForeignKey(number)),
        Column("key", _NAME),
        Column("value_json", Text),
    )


STUDY_USER_ATTRIBUTES = _attributes(STUDIES, "user")
STUDY_SYSTEM_ATTRIBUTES = _attributes(STUDIES, "system")
TRIAL_USER_ATTRIBUTES = _attributes(TRIALS, "user")
TRIAL_SYSTEM_ATTRIBUTES = _attributes(TRIALS, "system")


def names() -> Select[str]:
    """Select the names of all studies."""
    return select(STUDIES.c.study_name)


def trial_ids(study: str) -> Select[int]:
    """Select the ids of a study's trials, by number."""
    joined = select(TRIALS.c.trial_id).join(STUDIES)
    return joined.where(STUDIES.c.study_name == study).order_by(TRIALS.c.number)


def states() -> Select[str, int, str]:
    """Select the study, the number and the state of every trial, in this order."""
    joined = select(STUDIES.c.study_name, TRIALS.c.number, TRIALS.c.state).join(TRIALS)
    return joined.order_by(STUDIES.c.study_name, TRIALS.c.number)


def lock(study_id: int) -> Select[int]:
    """Select a study such that others that lock it wait for the end of the transaction."""
    return select(STUDIES.c.study_id).where(STUDIES.c.study_id == study_id).with_for_update()


def next_number(study_id: int) -> Select[int]:
    """Select the number that a study's next trial gets."""
    return select(func.count()).where(TRIALS.c.study_id == study_id)
