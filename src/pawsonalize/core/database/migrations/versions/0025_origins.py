"""Items and users say whether an import wrote them last.

Revision: 0025, after: 0024.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
change = "expands"


def upgrade() -> None:
    """Add the column, false for rows of before: a full import keeps them, so none is lost."""
    for table in ("items", "users"):
        column = sa.Column("is_imported", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column(table, column)
