"""Answers in a live test keep its name and their arms.

Revision: 0026, after: 0025.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
change = "expands"


def upgrade() -> None:
    """Add the column, null for all other answers, and the index of those that have it."""
    op.add_column("impressions", sa.Column("live_test", sa.Text, nullable=True))
    tested = sa.text("live_test IS NOT NULL")
    op.create_index(
        "live_tests_in_order",
        "impressions",
        ["recommendation_id"],
        sqlite_where=tested,
        postgresql_where=tested,
    )
