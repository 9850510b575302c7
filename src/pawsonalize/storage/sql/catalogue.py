"""The items and users datasets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Table, bindparam, delete, func, select

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.domain.schemas import DatasetType, Field, Schema
from pawsonalize.domain.stays import Stay
from pawsonalize.storage.base import Item, User, Value
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.ids import in_parts
from pawsonalize.storage.sql.tables import items, schemas, stays, users
from pawsonalize.storage.sql.upsert import upsert

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Value]).decode
_DECODE_FIELDS = msgspec.json.Decoder(tuple[Field, ...]).decode
# Built once: it is asked for with every recommendation to a user.
_ATTRIBUTES_OF = select(users.c.attributes).where(
    users.c.dataset_group == bindparam("group"), users.c.user_id == bindparam("user")
)


class SqlCatalogue:
    """`Catalogue` on the items, users and schemas tables."""

    def __init__(self, database: Database, dataset_group: str = DEFAULT_DATASET_GROUP) -> None:
        self._database = database
        self._dataset_group = dataset_group

    def of(self, dataset_group: str) -> "SqlCatalogue":
        """See `Catalogue.of`."""
        return SqlCatalogue(self._database, dataset_group)

    def put_items(self, batch: Sequence[Item]) -> None:
        """See `Catalogue.put_items`."""
        rows = [
            {
                "dataset_group": self._dataset_group,
                "item_id": item.item_id,
                "attributes": _text(item.attributes),
                "created_at": item.created_at,
            }
            for item in batch
        ]
        with self._database.writing() as connection:
            upsert(connection, items, rows)

    def put_users(self, batch: Sequence[User]) -> None:
        """See `Catalogue.put_users`."""
        rows = [
            {
                "dataset_group": self._dataset_group,
                "user_id": user.user_id,
                "attributes": _text(user.attributes),
            }
            for user in batch
        ]
        with self._database.writing() as connection:
            upsert(connection, users, rows)

    def items(self) -> Iterator[Item]:
        """See `Catalogue.items`."""
        mine = select(items).where(items.c.dataset_group == self._dataset_group)
        with self._database.reading() as connection:
            for row in connection.execute(mine.order_by(items.c.item_id)):
                yield _item(row)

    def item(self, item_id: str) -> Item | None:
        """See `Catalogue.item`."""
        wanted = select(items).where(
            items.c.dataset_group == self._dataset_group, items.c.item_id == item_id
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else _item(row)

    def user(self, user_id: str) -> User | None:
        """See `Catalogue.user`."""
        wanted = {"group": self._dataset_group, "user": user_id}
        with self._database.reading() as connection:
            attributes = connection.scalar(_ATTRIBUTES_OF, wanted)
        return None if attributes is None else User(user_id, _DECODE(attributes))

    def users(self) -> Iterator[User]:
        """See `Catalogue.users`."""
        mine = select(users).where(users.c.dataset_group == self._dataset_group)
        with self._database.reading() as connection:
            for row in connection.execute(mine.order_by(users.c.user_id)):
                yield User(row.user_id, _DECODE(row.attributes))

    def item_count(self) -> int:
        """See `Catalogue.item_count`."""
        return self._count(items)

    def user_count(self) -> int:
        """See `Catalogue.user_count`."""
        return self._count(users)

    def erase_items(self) -> int:
        """See `Catalogue.erase_items`."""
        return self._erase(items)

    def erase_users(self) -> int:
        """See `Catalogue.erase_users`."""
        return self._erase(users)

    def forget_users(self, user_ids: Sequence[str]) -> int:
        """See `Catalogue.forget_users`."""
        mine = users.c.dataset_group == self._dataset_group
        forgotten = 0
        with self._database.writing() as connection:
            for part in in_parts(user_ids):
                theirs = delete(users).where(mine, users.c.user_id.in_(part))
                forgotten += connection.execute(theirs).rowcount
        return forgotten

    def stays(self, until: int) -> Iterator[Stay]:
        """See `Catalogue.stays`."""
        if self._dataset_group != DEFAULT_DATASET_GROUP:
            return
        begun = select(stays.c.item_id, stays.c.since, stays.c.until).where(stays.c.since <= until)
        with self._database.reading() as connection:
            for row in connection.execute(begun.order_by(stays.c.animal_id, stays.c.since)):
                yield Stay(*row)

    def put_schema(self, schema: Schema) -> None:
        """See `Catalogue.put_schema`."""
        row = {
            "dataset_group": self._dataset_group,
            "dataset": schema.dataset.value,
            "fields": msgspec.json.encode(schema.fields).decode(),
        }
        with self._database.writing() as connection:
            upsert(connection, schemas, [row])

    def schema(self, dataset: DatasetType) -> Schema | None:
        """See `Catalogue.schema`."""
        found = select(schemas.c.fields).where(
            schemas.c.dataset_group == self._dataset_group, schemas.c.dataset == dataset.value
        )
        with self._database.reading() as connection:
            fields = connection.scalar(found)
        return None if fields is None else Schema(dataset, _DECODE_FIELDS(fields))

    def _count(self, table: Table) -> int:
        mine = select(func.count()).where(table.c.dataset_group == self._dataset_group)
        with self._database.reading() as connection:
            return connection.scalar(mine) or 0

    def _erase(self, table: Table) -> int:
        mine = delete(table).where(table.c.dataset_group == self._dataset_group)
        with self._database.writing() as connection:
            return connection.execute(mine).rowcount


def _item(row: Row[Any]) -> Item:
    return Item(row.item_id, _DECODE(row.attributes), row.created_at)


def _text(attributes: Mapping[str, str | float | None]) -> str:
    return _ENCODE(attributes).decode()
