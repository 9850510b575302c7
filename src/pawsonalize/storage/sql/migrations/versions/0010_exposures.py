"""How often each item was shown, counted from here on.

Revision: 0010, after: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exposures",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("shown", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("item_id"),
    )


def downgrade() -> None:
    op.drop_table("exposures")
