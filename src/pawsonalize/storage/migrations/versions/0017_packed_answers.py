"""Answers are packed, and there are marks of what has left the log and the archive.

Revision: 0017, after: 0016. Answers are packed anew one by one: a million take some minutes.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from pawsonalize.storage.packing import Packer, packed_id

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_KEPT = (
    "question",
    "user_id",
    "session_id",
    "answered_at",
    "as_of",
    "solution_version",
    "dataset_group",
)


def upgrade() -> None:
    op.create_table(
        "archive_leftovers",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "log_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    for name in ("pages_by_user", "pages_by_session", "pages_in_order"):
        op.drop_index(name, "impressions")
    op.rename_table("impressions", "impressions_of_before")
    packed = op.create_table(
        "impressions",
        sa.Column("recommendation_id", sa.LargeBinary(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("solution_version", sa.Text(), nullable=False),
        sa.Column("dataset_group", sa.Text(), nullable=False, server_default="pawsonalize"),
        sa.Column("animal_ids", sa.LargeBinary()),
        sa.Column("places", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id"),
    )
    _pack(packed)
    op.drop_table("impressions_of_before")
    for name, columns in (
        ("pages_by_user", ["user_id", "as_of"]),
        ("pages_by_session", ["session_id", "as_of"]),
        ("pages_in_order", ["recommendation_id"]),
    ):
        op.create_index(
            name,
            "impressions",
            columns,
            sqlite_where=sa.text("animal_ids IS NOT NULL"),
            postgresql_where=sa.text("animal_ids IS NOT NULL"),
        )


def _pack(packed: sa.Table) -> None:
    connection, packer, after = op.get_bind(), Packer(), ""
    wanted = sa.text(
        "SELECT * FROM impressions_of_before WHERE recommendation_id > :after"
        " ORDER BY recommendation_id LIMIT :limit"
    )
    page = {"limit": _AT_ONCE}
    while rows := connection.execute(wanted, {"after": after, **page}).mappings().all():
        connection.execute(packed.insert(), [_row(dict(row), packer) for row in rows])
        after = rows[-1]["recommendation_id"]


def _row(before: dict[str, Any], packer: Packer) -> dict[str, Any]:
    def told(name: str) -> Any:
        return None if before[name] is None else json.loads(before[name])

    animals = told("animal_ids")
    return {name: before[name] for name in _KEPT} | {
        "recommendation_id": packed_id(before["recommendation_id"]),
        "animal_ids": None if animals is None else packer.packed(animals),
        "places": packer.packed([told(name) for name in ("item_ids", "propensities", "factors")]),
    }
