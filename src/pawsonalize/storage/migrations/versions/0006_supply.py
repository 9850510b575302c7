"""The item an animal is one of, so that animals can be counted by it.

Revision: 0006, after: 0005
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ANIMALS = sa.table("animals", sa.column("animal_id"), sa.column("item_id"), sa.column("record"))


def upgrade() -> None:
    with op.batch_alter_table("animals") as batch_op:
        batch_op.add_column(sa.Column("item_id", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    for animal_id, record in connection.execute(
        sa.select(_ANIMALS.c.animal_id, _ANIMALS.c.record)
    ).all():
        group = json.loads(record)["group"]
        item_id = "-".join(group[name] for name in ("species", "breed", "size", "age"))
        connection.execute(
            _ANIMALS.update().where(_ANIMALS.c.animal_id == animal_id).values(item_id=item_id)
        )


def downgrade() -> None:
    with op.batch_alter_table("animals") as batch_op:
        batch_op.drop_column("item_id")
