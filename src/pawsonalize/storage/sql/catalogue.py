"""The items and users datasets."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import func, select

from pawsonalize.domain.schemas import Schema
from pawsonalize.domain.stays import Stay
from pawsonalize.storage.base import Item, User
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import items, schemas, stays, users
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

    def item_count(self) -> int:
        """See `Catalogue.item_count`."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(items)) or 0

    def stays(self, until: int) -> Iterator[Stay]:
        """See `Catalogue.stays`."""
        begun = select(stays.c.item_id, stays.c.since, stays.c.until).where(stays.c.since <= until)
        with self._database.reading() as connection:
            for row in connection.execute(begun.order_by(stays.c.animal_id, stays.c.since)):
                yield Stay(*row)

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
