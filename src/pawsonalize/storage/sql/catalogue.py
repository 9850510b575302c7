"""The items and users datasets."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import bindparam, func, or_, select

from pawsonalize.domain.schemas import DatasetType, Field, Schema
from pawsonalize.storage.base import Item, Stay, User, Value
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import animals, items, schemas, users
from pawsonalize.storage.sql.upsert import upsert

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Value]).decode
_DECODE_FIELDS = msgspec.json.Decoder(tuple[Field, ...]).decode
# Built once: it is asked for with every recommendation to a user.
_ATTRIBUTES_OF = select(users.c.attributes).where(users.c.user_id == bindparam("user"))


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

    def users(self) -> Iterator[User]:
        """See `Catalogue.users`."""
        with self._database.reading() as connection:
            for row in connection.execute(select(users).order_by(users.c.user_id)):
                yield User(row.user_id, _DECODE(row.attributes))

    def user(self, user_id: str) -> User | None:
        """See `Catalogue.user`."""
        with self._database.reading() as connection:
            found = connection.scalar(_ATTRIBUTES_OF, {"user": user_id})
        return None if found is None else User(user_id, _DECODE(found))

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

    def schema(self, dataset: DatasetType) -> Schema | None:
        """See `Catalogue.schema`."""
        found = select(schemas.c.fields).where(schemas.c.dataset == dataset.value)
        with self._database.reading() as connection:
            fields = connection.scalar(found)
        return None if fields is None else Schema(dataset, _DECODE_FIELDS(fields))


def _text(attributes: Mapping[str, str | float | None]) -> str:
    return _ENCODE(attributes).decode()
