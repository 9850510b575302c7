"""Solution versions and campaigns become resources like the others.

Revision: 0004, after: 0003
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SOLUTION = "recommender"  # the only one there was
_OLD_VERSIONS = sa.table(
    "solution_versions",
    *map(
        sa.column, ("solution_version", "recipe", "artefact", "as_of", "log_offset", "created_at")
    ),
)
_OLD_CAMPAIGNS = sa.table(
    "campaigns", *map(sa.column, ("name", "solution_version", "revision", "updated_at"))
)
_COLUMNS = (
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("parent", sa.Text(), nullable=True),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False),
    sa.Column("failure_reason", sa.Text(), nullable=True),
    sa.Column("created_at", sa.BigInteger(), nullable=False),
    sa.Column("updated_at", sa.BigInteger(), nullable=False),
    sa.Column("revision", sa.BigInteger(), nullable=False),
)
_RESOURCES = sa.table("resources", *(sa.column(column.name) for column in _COLUMNS))


def upgrade() -> None:
    op.create_table("resources", *_COLUMNS, sa.PrimaryKeyConstraint("kind", "name"))
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.create_index("resources_by_age", ["kind", "created_at", "name"], unique=False)
    connection = op.get_bind()
    for old in connection.execute(sa.select(_OLD_VERSIONS)).mappings().all():
        connection.execute(_RESOURCES.insert().values(_version(old)))
    for old in connection.execute(sa.select(_OLD_CAMPAIGNS)).mappings().all():
        connection.execute(_RESOURCES.insert().values(_campaign(old)))
    op.drop_table("campaigns")
    op.drop_table("solution_versions")


def downgrade() -> None:
    op.create_table(
        "solution_versions",
        sa.Column("solution_version", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("artefact", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("log_offset", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("solution_version"),
    )
    op.create_table(
        "campaigns",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("solution_version", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["solution_version"], ["solution_versions.solution_version"]),
        sa.PrimaryKeyConstraint("name"),
    )
    connection = op.get_bind()
    for row in _of_kind("solution version"):
        if row["status"] == "ACTIVE":
            connection.execute(_OLD_VERSIONS.insert().values(_old_version(row)))
    for row in _of_kind("campaign"):
        if json.loads(row["body"])["solution_version"]:
            connection.execute(_OLD_CAMPAIGNS.insert().values(_old_campaign(row)))
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.drop_index("resources_by_age")
    op.drop_table("resources")


def _version(old: sa.RowMapping) -> dict[str, Any]:
    body = {
        "solution": _SOLUTION,
        "recipe": old["recipe"],
        "artefact": old["artefact"],
        "cut": {"log_offset": old["log_offset"], "as_of": old["as_of"]},
    }
    return _resource("solution version", old["solution_version"], body, old["created_at"], 1)


def _campaign(old: sa.RowMapping) -> dict[str, Any]:
    served = {
        "solution_version": old["solution_version"],
        "status": "ACTIVE",
        "requested_at": old["updated_at"],
        "settled_at": old["updated_at"],
    }
    body = {
        "solution": _SOLUTION,
        "solution_version": old["solution_version"],
        "latest_update": served,
    }
    return _resource("campaign", old["name"], body, old["updated_at"], old["revision"])


def _resource(
    kind: str, name: str, body: dict[str, Any], moment: int, revision: int
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "parent": _SOLUTION,
        "status": "ACTIVE",
        "body": json.dumps(body),
        "failure_reason": None,
        "created_at": moment,
        "updated_at": moment,
        "revision": revision,
    }


def _of_kind(kind: str) -> Sequence[sa.RowMapping]:
    rows = sa.select(_RESOURCES).where(_RESOURCES.c.kind == kind)
    return op.get_bind().execute(rows).mappings().all()


def _old_version(row: sa.RowMapping) -> dict[str, Any]:
    body = json.loads(row["body"])
    return {
        "solution_version": row["name"],
        "recipe": body["recipe"],
        "artefact": body["artefact"],
        **body["cut"],
        "created_at": row["created_at"],
    }


def _old_campaign(row: sa.RowMapping) -> dict[str, Any]:
    return {
        "name": row["name"],
        "solution_version": json.loads(row["body"])["solution_version"],
        "revision": row["revision"],
        "updated_at": row["updated_at"],
    }
