"""Leases: which process runs a study. Seeds of 64 bits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0.2.0"
down_revision = "v0.1.0"


def upgrade() -> None:
    """Create the table of leases; widen seeds, which SQLite has never limited."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("qsched_runs", "seed", type_=sa.BigInteger())
    op.create_table(
        "qsched_leases",
        sa.Column("study_id", sa.Integer(), sa.ForeignKey("qsched_studies.id"), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    """Drop the table of leases; narrow seeds, which fails where one is too large."""
    op.drop_table("qsched_leases")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("qsched_runs", "seed", type_=sa.Integer())
