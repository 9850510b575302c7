"""Pages of animals are found by their visitor, and in the order of time.

Revision: 0015, after: 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, columns in (
        ("pages_by_user", ["user_id", "dataset_group", "as_of"]),
        ("pages_by_session", ["session_id", "dataset_group", "as_of"]),
        ("pages_in_order", ["dataset_group", "recommendation_id"]),
    ):
        op.create_index(
            name,
            "impressions",
            columns,
            sqlite_where=sa.text("animal_ids IS NOT NULL"),
            postgresql_where=sa.text("animal_ids IS NOT NULL"),
        )
