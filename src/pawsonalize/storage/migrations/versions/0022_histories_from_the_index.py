"""In SQLite the index of a visitor's events holds all that answers read of them.

Revision: 0022, after: 0021.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
change = "expands"  # the index of the same name finds what it found before


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    key, read = ("dataset_group", "sent_at", "offset"), ("item_id", "event_type", "event_value")
    for name, columns, which in (
        ("events_by_user", ["user_id", *key, *read], "user_id IS NOT NULL"),
        ("events_by_session", ["session_id", *key, "user_id", *read], "user_id IS NULL"),
    ):
        op.drop_index(name, "events")
        op.create_index(name, "events", columns, sqlite_where=sa.text(which))
