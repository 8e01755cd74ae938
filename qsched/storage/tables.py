"""The study database's own tables; Optuna keeps its tables beside them.

All names begin with ``qsched_``, because Optuna uses the plain ones (``studies``, ``trials``).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["HEAD", "METADATA", "VERSION_TABLE", "leases", "runs", "schedules", "studies"]

HEAD = "v0.2.0"
"""The schema version that this release reads and writes."""

VERSION_TABLE = "qsched_alembic_version"
"""Where the schema version is kept: Optuna's is in ``alembic_version``."""

METADATA = MetaData()

studies = Table(
    "qsched_studies",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("spec", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", DateTime, nullable=False),
    Column("updated", DateTime, nullable=False),
    Column("verdict", Text),
    Column("notes", Text, nullable=False),
    Column("versions", Text, nullable=False),
)

schedules = Table(
    "qsched_schedules",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("schedule", Text, nullable=False),
)

runs = Table(
    "qsched_runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study_id", Integer, ForeignKey("qsched_studies.id"), nullable=False),
    Column("key", String(64), nullable=False),
    Column("arm", String(255), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("schedule", String(64), ForeignKey("qsched_schedules.sha256"), nullable=False),
    Column("seed", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("length", Double, nullable=False),
    Column("evaluate", String(16), nullable=False),
    Column("learning_rate", Double, nullable=False),
    Column("status", String(16), nullable=False),
    Column("accuracy", Double),
    Column("loss", Double),
    Column("curve", Text, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("reason", Text),
    Column("versions", Text, nullable=False),
    Column("created", DateTime, nullable=False),
    UniqueConstraint("study_id", "key", name="qsched_runs_study_key"),
    Index("qsched_runs_study_phase", "study_id", "phase"),
)

leases = Table(
    "qsched_leases",
    METADATA,
    Column("study_id", Integer, ForeignKey("qsched_studies.id"), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("beat", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
)
