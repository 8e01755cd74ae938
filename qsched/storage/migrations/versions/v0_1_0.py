"""The first tables: studies, schedules, runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0.1.0"
down_revision = None


def upgrade() -> None:
    """Create the tables of release 0.1.0."""
    op.create_table(
        "qsched_studies",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("updated", sa.DateTime(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
    )
    op.create_table(
        "qsched_schedules",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("schedule", sa.Text(), nullable=False),
    )
    op.create_table(
        "qsched_runs",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("study_id", sa.Integer(), sa.ForeignKey("qsched_studies.id"), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("arm", sa.String(255), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column(
            "schedule", sa.String(64), sa.ForeignKey("qsched_schedules.sha256"), nullable=False
        ),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("length", sa.Double(), nullable=False),
        sa.Column("evaluate", sa.String(16), nullable=False),
        sa.Column("learning_rate", sa.Double(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("accuracy", sa.Double()),
        sa.Column("loss", sa.Double()),
        sa.Column("curve", sa.Text(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("study_id", "key", name="qsched_runs_study_key"),
    )
    op.create_index("qsched_runs_study_phase", "qsched_runs", ["study_id", "phase"])
