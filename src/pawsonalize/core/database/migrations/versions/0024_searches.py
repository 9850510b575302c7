"""Answers to searches keep the words of the search.

Revision: 0024, after: 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
change = "expands"


def upgrade() -> None:
    """Add the column, null for all other answers, and the index of those that have it."""
    op.add_column("impressions", sa.Column("search", sa.Text, nullable=True))
    searches = sa.text("search IS NOT NULL")
    op.create_index(
        "searches_in_order",
        "impressions",
        ["recommendation_id"],
        sqlite_where=searches,
        postgresql_where=searches,
    )
