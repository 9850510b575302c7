"""Animals with all that shelters tell of them, their stays, and what changed the supply.

Revision: 0009, after: 0007
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

_FOREVER = 2**63 - 1
_GOOD_WITH = {None: "unknown", True: "yes", False: "no"}
_HOUSEHOLD = ("good_with_kids", "good_with_dogs", "good_with_cats")

_NEW = ("source", "status", "species", "shelter", "latitude", "longitude")
_ANIMALS = sa.table(
    "animals", *map(sa.column, ("animal_id", *_NEW, "listed_at", "adopted_at", "item_id", "record"))
)
_STAYS = sa.table("stays", *map(sa.column, ("animal_id", "since", "until", "item_id")))
_CHANGES = sa.table("supply_changes", *map(sa.column, ("item_id", "revision", "at")))


def upgrade() -> None:
    with op.batch_alter_table("animals") as batch_op:
        for name in _NEW[:4]:
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        for name in _NEW[4:]:
            batch_op.add_column(sa.Column(name, sa.Float(), nullable=True))
    op.create_table(
        "stays",
        sa.Column("animal_id", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("animal_id", "since"),
    )
    op.create_table(
        "supply_changes",
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item_id"),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(_ANIMALS)).all():
        _move(connection, row)
    with op.batch_alter_table("animals") as batch_op:
        batch_op.drop_column("adopted_at")
        batch_op.drop_column("item_id")
        for name in _NEW[:4]:
            batch_op.alter_column(name, existing_type=sa.Text(), server_default=None)
    op.create_index("animals_by_source", "animals", ["source", "status"])
    op.create_index("stays_by_item", "stays", ["item_id", "until", "since", "animal_id"])
    op.create_index("stays_by_end", "stays", ["until", "item_id"])
    op.create_index("stays_by_start", "stays", ["since", "item_id"])
    op.create_index("supply_changes_by_revision", "supply_changes", ["revision", "at"])


def downgrade() -> None:
    op.drop_index("supply_changes_by_revision", "supply_changes")
    op.drop_index("stays_by_start", "stays")
    op.drop_index("stays_by_end", "stays")
    op.drop_index("stays_by_item", "stays")
    op.drop_index("animals_by_source", "animals")
    with op.batch_alter_table("animals") as batch_op:
        batch_op.add_column(sa.Column("adopted_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("item_id", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    for row in connection.execute(sa.select(_ANIMALS)).all():
        _move_back(connection, row)
    with op.batch_alter_table("animals") as batch_op:
        for name in _NEW:
            batch_op.drop_column(name)
    op.drop_table("supply_changes")
    op.drop_table("stays")


def _move(connection: sa.Connection, row: Any) -> None:
    old = json.loads(row.record)
    left = row.adopted_at
    history = [{"status": "available", "at": row.listed_at}]
    history += [] if left is None else [{"status": "adopted", "at": left}]
    record = {
        "animal_id": row.animal_id,
        **old["group"],
        "name": old["name"],
        "shelter": old["shelter"],
        "sex": old["sex"],
        "colours": [old["colour"]],
        "history": history,
        **{name: _GOOD_WITH[old.get(name)] for name in _HOUSEHOLD},
    }
    connection.execute(
        _ANIMALS.update()
        .where(_ANIMALS.c.animal_id == row.animal_id)
        .values(
            record=json.dumps(record),
            status=history[-1]["status"],
            species=old["group"]["species"],
            shelter=old["shelter"],
        )
    )
    if left is None or left > row.listed_at:
        stay = (row.animal_id, row.listed_at, _FOREVER if left is None else left, row.item_id)
        connection.execute(_STAYS.insert().values(stay))
    if not connection.scalar(sa.select(_CHANGES).where(_CHANGES.c.item_id == row.item_id)):
        connection.execute(_CHANGES.insert().values((row.item_id, 1, row.listed_at)))


def _move_back(connection: sa.Connection, row: Any) -> None:
    """As far as the tables before had words for it: who is not available counts as adopted."""
    new = json.loads(row.record)
    last = new["history"][-1]
    left = None if last["status"] == "available" else last["at"]
    group = {name: new.get(name, "unknown") for name in ("species", "breed", "size", "age")}
    told = {"yes": True, "no": False}
    record = {
        "animal_id": row.animal_id,
        "group": group,
        "name": new.get("name", ""),
        "shelter": new.get("shelter", ""),
        "sex": new.get("sex", "unknown"),
        "colour": " and ".join(new.get("colours", [])),
        "photos": len(new.get("photos", [])),
        "listed_at": row.listed_at,
        "adopted_at": left,
        **{name: told.get(new.get(name)) for name in _HOUSEHOLD},
    }
    connection.execute(
        _ANIMALS.update()
        .where(_ANIMALS.c.animal_id == row.animal_id)
        .values(record=json.dumps(record), adopted_at=left, item_id="-".join(group.values()))
    )
