"""Erasures are durable records, and the archive has an index of visitors.

Revision: 0016, after: 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STEPS = ("note", "tables", "archive", "models", "files", "names", "remains", "done")


def upgrade() -> None:
    op.create_table(
        "archive_index",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("visitors", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        *(sa.Column(f"{step}_at", sa.BigInteger()) for step in _STEPS),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger()),
        sa.Column("troubles", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("erasure_id"),
    )
    op.create_index(op.f("ix_erasures_noted_at"), "erasures", ["noted_at"])
    op.create_index(op.f("ix_erasures_next_attempt_at"), "erasures", ["next_attempt_at"])
    op.create_table(
        "erased_visitors",
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.PrimaryKeyConstraint("erasure_id", "visitor"),
    )
    op.create_index("erased_visitors_by_hash", "erased_visitors", ["visitor", "erasure_id"])
