"""The pages of animals that a visitor was shown are found by the visitor.

Revision: 0015, after: 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for visitor in ("user", "session"):
        op.create_index(
            f"pages_by_{visitor}",
            "impressions",
            [f"{visitor}_id", "dataset_group", "as_of"],
            sqlite_where=sa.text("animal_ids IS NOT NULL"),
            postgresql_where=sa.text("animal_ids IS NOT NULL"),
        )
