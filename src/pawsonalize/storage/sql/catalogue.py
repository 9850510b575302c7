"""The items and users datasets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Table, delete, func, or_, select

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.domain.schemas import Schema
from pawsonalize.storage.base import Item, Stay, User
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import animals, items, schemas, users
from pawsonalize.storage.sql.upsert import upsert

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, str | float | None]).decode


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
        wanted = select(users.c.attributes).where(
            users.c.dataset_group == self._dataset_group, users.c.user_id == user_id
        )
        with self._database.reading() as connection:
            attributes = connection.scalar(wanted)
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

    def stays(self, until: int) -> Iterator[Stay]:
        """See `Catalogue.stays`."""
        if self._dataset_group != DEFAULT_DATASET_GROUP:
            return
        listed = select(animals.c.item_id, animals.c.listed_at, animals.c.adopted_at).where(
            animals.c.listed_at <= until
        )
        with self._database.reading() as connection:
            for row in connection.execute(listed.order_by(animals.c.animal_id)):
                yield Stay(row.item_id, row.listed_at, row.adopted_at)

    def supply(self, at: int) -> dict[str, int]:
        """See `Catalogue.supply`."""
        if self._dataset_group != DEFAULT_DATASET_GROUP:
            return {}
        waiting = (
            select(animals.c.item_id, func.count().label("animals"))
            .where(
                animals.c.listed_at <= at,
                or_(animals.c.adopted_at.is_(None), animals.c.adopted_at > at),
            )
            .group_by(animals.c.item_id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(waiting).all()
        return {row.item_id: row.animals for row in rows}

    def put_schema(self, schema: Schema) -> None:
        """See `Catalogue.put_schema`."""
        row = {
            "dataset_group": self._dataset_group,
            "dataset": schema.dataset.value,
            "fields": msgspec.json.encode(schema.fields).decode(),
        }
        with self._database.writing() as connection:
            upsert(connection, schemas, [row])

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
