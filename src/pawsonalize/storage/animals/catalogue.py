"""The items and users datasets, and their schemas."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, Table, bindparam, delete, func, select

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.domain.schemas import DatasetType, Schema, SchemaField
from pawsonalize.domain.statuses import Stay
from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import PreparedSelect, upsert
from pawsonalize.storage.tables import items, schemas, stays, users

Value = str | float | None
"""An attribute's value."""

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Value]).decode
_DECODE_FIELDS = msgspec.json.Decoder(tuple[SchemaField, ...]).decode
_ATTRIBUTES_OF = PreparedSelect(
    select(users.c.attributes).where(
        users.c.dataset_group == bindparam("group"), users.c.user_id == bindparam("user")
    )
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the catalogue."""

    item_id: str
    attributes: Mapping[str, Value]
    """Values by upper-case name."""
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Stored attributes and quiz answers of a user."""

    user_id: str
    attributes: Mapping[str, Value]
    """Values by upper-case name."""


class Catalogue:
    """The items and users of one dataset group, their schemas, and what was available.

    Animals belong to the default dataset group.
    """

    def __init__(self, database: Database, dataset_group: str = DEFAULT_DATASET_GROUP) -> None:
        self._database = database
        self._dataset_group = dataset_group

    def of(self, dataset_group: str) -> "Catalogue":
        """The catalogue of another dataset group."""
        return Catalogue(self._database, dataset_group)

    def put_items(self, batch: Sequence[Item]) -> None:
        """Insert or replace, in one transaction."""
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
        """Insert or replace, in one transaction."""
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
        """Every item, by id."""
        mine = select(items).where(items.c.dataset_group == self._dataset_group)
        with self._database.reading() as connection:
            for row in connection.execute(mine.order_by(items.c.item_id)):
                yield _item(row)

    def item(self, item_id: str) -> Item | None:
        """One item, or None."""
        wanted = select(items).where(
            items.c.dataset_group == self._dataset_group, items.c.item_id == item_id
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else _item(row)

    def user(self, user_id: str) -> User | None:
        """One user, or None."""
        wanted = {"group": self._dataset_group, "user": user_id}
        rows = self._database.rows(_ATTRIBUTES_OF, wanted)
        return User(user_id, _DECODE(rows[0][0])) if rows else None

    def users(self) -> Iterator[User]:
        """Every user with attributes, by id."""
        mine = select(users).where(users.c.dataset_group == self._dataset_group)
        with self._database.reading() as connection:
            for row in connection.execute(mine.order_by(users.c.user_id)):
                yield User(row.user_id, _DECODE(row.attributes))

    def item_count(self) -> int:
        """Count the items."""
        return self._count(items)

    def user_count(self) -> int:
        """Count the users that have attributes."""
        return self._count(users)

    def erase_items(self) -> int:
        """Delete every item; returns how many there were."""
        return self._erase(items)

    def erase_users(self) -> int:
        """Delete every user's attributes; returns how many users had some."""
        return self._erase(users)

    def stays(self, until: int) -> Iterator[Stay]:
        """When animals of each item were available: stays that began by `until`, in order."""
        if self._dataset_group != DEFAULT_DATASET_GROUP:
            return
        begun = select(stays.c.item_id, stays.c.since, stays.c.until).where(stays.c.since <= until)
        with self._database.reading() as connection:
            for row in connection.execute(begun.order_by(stays.c.animal_id, stays.c.since)):
                yield Stay(*row)

    def put_schema(self, schema: Schema) -> None:
        """Store the schema of its dataset, in place of the one before."""
        row = {
            "dataset_group": self._dataset_group,
            "dataset": schema.dataset.value,
            "fields": msgspec.json.encode(schema.fields).decode(),
        }
        with self._database.writing() as connection:
            upsert(connection, schemas, [row])

    def schema(self, dataset: DatasetType) -> Schema | None:
        """The schema of the dataset, or None."""
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
