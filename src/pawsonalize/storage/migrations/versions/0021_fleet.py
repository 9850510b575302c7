"""What several machines share: leases, artefacts, who runs, and what all must agree with.

Revision: 0021, after: 0020.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("takings", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "artefacts",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("location"),
    )
    op.create_table(
        "training_tables",
        sa.Column("dataset_group", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group"),
    )
    op.create_table(
        "training_files",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("dataset_group", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("is_in", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_training_files_dataset_group"), "training_files", ["dataset_group"])
    counts = ("requests", "refused", "answer_ms", "events", "events_refused", "trainings")
    op.create_table(
        "dataset_group_days",
        sa.Column("dataset_group", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in (*counts, "training_ms")
        ),
        sa.PrimaryKeyConstraint("dataset_group", "day"),
    )
    op.create_table(
        "dataset_group_sizes",
        sa.Column("dataset_group", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("model_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_group"),
    )
    op.create_table(
        "turns",
        sa.Column("work", sa.Text(), nullable=False),
        sa.Column("dataset_group", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("work", "dataset_group"),
    )
    op.create_index("resources_by_status", "resources", ["kind", "status"])
    op.create_table(
        "artefact_drafts",
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("draft"),
    )
    op.create_table(
        "servers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer()),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("connections", sa.Integer(), nullable=False),
        sa.Column("serves", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    agreements = op.create_table(
        "agreements",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.bulk_insert(
        agreements,
        [
            {"name": "oldest program", "value": revision},
            {"name": "installation", "value": uuid.uuid4().hex},
        ],
    )
    with op.batch_alter_table("retraining_runs") as runs:
        runs.drop_column("leased_until")
