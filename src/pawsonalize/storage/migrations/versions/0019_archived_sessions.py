"""Sessions of which events without their user have left for the archive.

Revision: 0019, after: 0018.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sessions",
        sa.Column("is_archived", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
