"""Answers of animals, with what they were made of; how often animals were shown, what changed.

Revision: 0011, after: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("impressions") as batch_op:
        batch_op.add_column(sa.Column("animal_ids", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("parts", sa.Text(), nullable=True))
    op.create_table(
        "animal_exposures",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("shown", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id"),
    )
    op.create_index(op.f("ix_animal_exposures_counted_at"), "animal_exposures", ["counted_at"])
    op.create_table(
        "animal_changes",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id"),
    )
    op.create_index(op.f("ix_animal_changes_revision"), "animal_changes", ["revision"])


def downgrade() -> None:
    op.drop_index(op.f("ix_animal_changes_revision"), "animal_changes")
    op.drop_table("animal_changes")
    op.drop_index(op.f("ix_animal_exposures_counted_at"), "animal_exposures")
    op.drop_table("animal_exposures")
    with op.batch_alter_table("impressions") as batch_op:
        batch_op.drop_column("parts")
        batch_op.drop_column("animal_ids")
