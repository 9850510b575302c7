"""Events, sessions, items, users and schemas belong to a dataset group.

Revision: 0007, after: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DEFAULT = "pawsonalize"
_EVENTS = (
    *("offset", "event_id", "user_id", "session_id", "event_type", "item_id", "sent_at"),
    *("received_at", "animal_id", "event_value", "recommendation_id", "impression", "properties"),
)
_OTHERS = {
    "sessions": ("session_id", "user_id", "bound_at"),
    "items": ("item_id", "attributes", "created_at"),
    "users": ("user_id", "attributes"),
    "schemas": ("dataset", "fields"),
}
_NUMBERS = {"bound_at", "created_at"}


def upgrade() -> None:
    _drop_indexes()
    if op.get_bind().dialect.name == "sqlite":
        unique = sa.UniqueConstraint("event_id", "dataset_group", name="one_event_of_an_id")
        _rebuild_events(_group_column(), unique)
    else:
        op.add_column("events", _group_column())
        op.drop_constraint("events_event_id_key", "events")
        op.create_unique_constraint("one_event_of_an_id", "events", ["event_id", "dataset_group"])
    _index_events("dataset_group")
    for table, columns in _OTHERS.items():
        keys = ["dataset_group", columns[0]]
        key = sa.PrimaryKeyConstraint(*keys)
        _rebuild(table, columns, *_columns(columns), _group_column(), key)
    covered = ["user_id", "dataset_group", "bound_at", "session_id"]
    op.create_index("sessions_by_user", "sessions", covered)


def downgrade() -> None:
    for table in ("events", *_OTHERS):
        op.execute(f"DELETE FROM {table} WHERE dataset_group <> '{_DEFAULT}'")  # noqa: S608
    op.drop_index("sessions_by_user", "sessions")
    _drop_indexes(sessions=False)
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_events(sa.UniqueConstraint("event_id"))
    else:
        op.drop_constraint("one_event_of_an_id", "events")
        op.drop_column("events", "dataset_group")
        op.create_unique_constraint("events_event_id_key", "events", ["event_id"])
    _index_events()
    for table, columns in _OTHERS.items():
        _rebuild(table, columns, *_columns(columns), sa.PrimaryKeyConstraint(columns[0]))
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _group_column() -> sa.Column[str]:
    return sa.Column("dataset_group", sa.Text(), nullable=False, server_default=_DEFAULT)


def _columns(names: tuple[str, ...]) -> list[sa.Column[object]]:
    return [
        sa.Column(
            name,
            sa.BigInteger() if name in _NUMBERS else sa.Text(),
            nullable=name == "created_at",
        )
        for name in names
    ]


def _rebuild_events(*more: sa.schema.SchemaItem) -> None:
    """SQLite alters no constraint. Offsets that were given, erased ones too, stay given."""
    given = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'events'"))
    _rebuild(
        "events",
        _EVENTS,
        sa.Column("offset", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("animal_id", sa.Text()),
        sa.Column("event_value", sa.Float()),
        sa.Column("recommendation_id", sa.Text()),
        sa.Column("impression", sa.Text()),
        sa.Column("properties", sa.Text()),
        *more,
        sqlite_autoincrement=True,
    )
    if given is not None:
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
        op.execute(f"INSERT INTO sqlite_sequence VALUES ('events', {int(given)})")  # noqa: S608


def _rebuild(
    table: str, columns: tuple[str, ...], *parts: sa.schema.SchemaItem, **of: bool
) -> None:
    """The table anew, of these parts, with what the old one has in these columns."""
    op.create_table(f"{table}_new", *parts, **of)
    old, new = (
        sa.table(name, *(sa.column(column) for column in columns))
        for name in (table, f"{table}_new")
    )
    kept = sa.select(*old.columns).order_by(old.c[columns[0]])
    op.execute(new.insert().from_select(columns, kept))
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)


def _drop_indexes(*, sessions: bool = True) -> None:
    op.drop_index("events_by_user", "events")
    op.drop_index("events_by_session", "events")
    if sessions:
        op.drop_index("ix_sessions_user_id", "sessions")


def _index_events(*group: str) -> None:
    for name, column, condition in (
        ("events_by_session", "session_id", sa.text("user_id IS NULL")),
        ("events_by_user", "user_id", sa.text("user_id IS NOT NULL")),
    ):
        op.create_index(
            name,
            "events",
            [column, *group, "sent_at", "offset"],
            sqlite_where=condition,
            postgresql_where=condition,
        )
