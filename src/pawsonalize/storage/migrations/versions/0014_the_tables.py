"""The tables.

Revision: 0014, after: None. 0001 to 0013 were never released; their tables are refused.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "animal_changes",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id"),
    )
    op.create_index(op.f("ix_animal_changes_revision"), "animal_changes", ["revision"])
    op.create_table(
        "animal_exposures",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("shown", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id"),
    )
    op.create_index(op.f("ix_animal_exposures_counted_at"), "animal_exposures", ["counted_at"])
    op.create_table(
        "animals",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("species", sa.Text(), nullable=False),
        sa.Column("shelter", sa.Text(), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=False),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id"),
    )
    op.create_index("animals_by_source", "animals", ["source", "status"])
    op.create_index(op.f("ix_animals_listed_at"), "animals", ["listed_at"])
    op.create_table(
        "archive_segments",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text()),
        sa.PrimaryKeyConstraint("first"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "deliveries",
        sa.Column("notification_id", sa.Text(), nullable=False),
        sa.Column("notifier", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger()),
        sa.Column("delivered_at", sa.BigInteger()),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("notification_id", "notifier"),
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["notifier", "next_attempt_at"],
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_deliveries_happened_at"), "deliveries", ["happened_at"])
    op.create_table(
        "events",
        sa.Column(
            "offset",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
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
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.PrimaryKeyConstraint("offset"),
        sa.UniqueConstraint("event_id", "dataset_group", name="one_event_of_an_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "events_by_session",
        "events",
        ["session_id", "dataset_group", "sent_at", "offset"],
        sqlite_where=sa.text("user_id IS NULL"),
        postgresql_where=sa.text("user_id IS NULL"),
    )
    op.create_index(
        "events_by_user",
        "events",
        ["user_id", "dataset_group", "sent_at", "offset"],
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "exposures",
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("shown", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group", "item_id"),
    )
    op.create_table(
        "impressions",
        sa.Column("recommendation_id", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("solution_version", sa.Text(), nullable=False),
        sa.Column("item_ids", sa.Text(), nullable=False),
        sa.Column("propensities", sa.Text()),
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("animal_ids", sa.Text()),
        sa.Column("factors", sa.Text()),
        sa.PrimaryKeyConstraint("recommendation_id"),
    )
    op.create_table(
        "items",
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("dataset_group", "item_id"),
    )
    op.create_table(
        "problems",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("told_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "resources",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("failure_reason", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_index("resources_by_age", "resources", ["kind", "created_at", "name"])
    op.create_table(
        "schemas",
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group", "dataset"),
    )
    op.create_table(
        "sessions",
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group", "session_id"),
    )
    op.create_index(
        "sessions_by_user",
        "sessions",
        ["user_id", "dataset_group", "bound_at", "session_id"],
    )
    op.create_table(
        "stays",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id", "since"),
    )
    op.create_index("stays_by_end", "stays", ["until", "item_id"])
    op.create_index("stays_by_item", "stays", ["item_id", "until", "since", "animal_id"])
    op.create_index("stays_by_start", "stays", ["since", "item_id"])
    op.create_table(
        "availability_changes",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item_id"),
    )
    op.create_index("availability_changes_by_revision", "availability_changes", ["revision", "at"])
    op.create_table(
        "users",
        sa.Column("dataset_group", sa.Text(), server_default="pawsonalize", nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group", "user_id"),
    )
    op.create_table(
        "retraining_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("worked_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index(op.f("ix_retraining_runs_started_at"), "retraining_runs", ["started_at"])
    op.create_index(
        "one_retraining_run_at_a_time",
        "retraining_runs",
        ["status"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
