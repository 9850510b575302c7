"""How often each item was shown, counted from here on, and whose impressions they are.

Revision: 0010, after: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _dataset_group() -> sa.Column[str]:
    return sa.Column("dataset_group", sa.Text(), nullable=False, server_default="pawsonalize")


def upgrade() -> None:
    op.create_table(
        "exposures",
        _dataset_group(),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("shown", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group", "item_id"),
    )
    with op.batch_alter_table("impressions") as batch_op:
        batch_op.add_column(_dataset_group())


def downgrade() -> None:
    with op.batch_alter_table("impressions") as batch_op:
        batch_op.drop_column("dataset_group")
    op.drop_table("exposures")
