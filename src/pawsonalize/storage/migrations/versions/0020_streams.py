"""Shards of streams, dead letters, and events as they came in.

Revision: 0020, after: 0019.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_shards",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("shard", sa.Text(), nullable=False),
        sa.Column("parents", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("wanted_by", sa.Text()),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Text()),
        sa.Column("is_ended", sa.Boolean(), nullable=False),
        sa.Column("lag_seconds", sa.Float()),
        sa.Column("lag_messages", sa.BigInteger()),
        sa.Column("looked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("stream", "shard"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("letter_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("position", sa.Text()),
        sa.Column("dataset_group", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("field", sa.Text()),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("mended", sa.LargeBinary()),
        sa.Column("visitors", sa.LargeBinary(), nullable=False),
        sa.Column("archived_in", sa.Text()),
        sa.Column("archived_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("letter_id"),
    )
    op.create_index(op.f("ix_dead_letters_at"), "dead_letters", ["at"])
    op.create_index("dead_letters_to_archive", "dead_letters", ["archived_at", "archived_in"])
    op.create_table(
        "raw_events",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("first"),
    )
