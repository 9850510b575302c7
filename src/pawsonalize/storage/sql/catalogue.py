"""The items and users datasets."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import func, or_, select

from pawsonalize.domain.schemas import Schema
from pawsonalize.storage.base import Item, Stay, User
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import animals, items, schemas, users
from pawsonalize.storage.sql.upsert import upsert

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, str | float | None]).decode


class SqlCatalogue:
    """`Catalogue` on the items, users and schemas tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_items(self, batch: Sequence[Item]) -> None:
        """See `Catalogue.put_items`."""
        rows = [
            {
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
        rows = [{"user_id": user.user_id, "attributes": _text(user.attributes)} for user in batch]
        with self._database.writing() as connection:
            upsert(connection, users, rows)

    def items(self) -> Iterator[Item]:
        """See `Catalogue.items`."""
        with self._database.reading() as connection:
            for row in connection.execute(select(items).order_by(items.c.item_id)):
                yield Item(row.item_id, _DECODE(row.attributes), row.created_at)

    def user(self, user_id: str) -> User | None:
        """See `Catalogue.user`."""
        wanted = select(users.c.attributes).where(users.c.user_id == user_id)
        with self._database.reading() as connection:
            attributes = connection.scalar(wanted)
        return None if attributes is None else User(user_id, _DECODE(attributes))

    def users(self) -> Iterator[User]:
        """See `Catalogue.users`."""
        with self._database.reading() as connection:
            for row in connection.execute(select(users).order_by(users.c.user_id)):
                yield User(row.user_id, _DECODE(row.attributes))

    def item_count(self) -> int:
        """See `Catalogue.item_count`."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(items)) or 0

    def stays(self, until: int) -> Iterator[Stay]:
        """See `Catalogue.stays`."""
        listed = select(animals.c.item_id, animals.c.listed_at, animals.c.adopted_at).where(
            animals.c.listed_at <= until
        )
        with self._database.reading() as connection:
            for row in connection.execute(listed.order_by(animals.c.animal_id)):
                yield Stay(row.item_id, row.listed_at, row.adopted_at)

    def supply(self, at: int) -> dict[str, int]:
        """See `Catalogue.supply`."""
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
            "dataset": schema.dataset.value,
            "fields": msgspec.json.encode(schema.fields).decode(),
        }
        with self._database.writing() as connection:
            upsert(connection, schemas, [row])


def _text(attributes: Mapping[str, str | float | None]) -> str:
    return _ENCODE(attributes).decode()
