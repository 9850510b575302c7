"""Answers of animals keep the factors themselves, not times the weights they had then.

Revision: 0012, after: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("impressions") as batch_op:
        batch_op.add_column(sa.Column("factors", sa.Text(), nullable=True))
        batch_op.drop_column("parts")


def downgrade() -> None:
    with op.batch_alter_table("impressions") as batch_op:
        batch_op.add_column(sa.Column("parts", sa.Text(), nullable=True))
        batch_op.drop_column("factors")
