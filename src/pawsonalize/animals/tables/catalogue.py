"""The items and users datasets, and their schemas."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, select

from pawsonalize.animals.animal import Stay
from pawsonalize.core.database.statements import PreparedSelect, merge, upsert
from pawsonalize.core.database.table_access import GroupTables
from pawsonalize.core.database.tables import items, log_marks, schemas, stays, users
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.schemas import DatasetType, Schema, SchemaField

Value = str | float | None
"""An attribute's value."""

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Value]).decode
_DECODE_FIELDS = msgspec.json.Decoder(tuple[SchemaField, ...]).decode
_ITEM_CHANGES = "changes of items"
_ATTRIBUTES_OF = PreparedSelect(
    select(users.c.attributes).where(
        users.c.dataset_group == bindparam("group"), users.c.user_id == bindparam("user")
    )
)


class Item(msgspec.Struct, frozen=True):
    """One item of the catalogue."""

    item_id: str
    attributes: Mapping[str, Value]  # values by upper-case name
    created_at: int | None = None


class User(msgspec.Struct, frozen=True):
    """Stored attributes and quiz answers of a user."""

    user_id: str
    attributes: Mapping[str, Value]  # values by upper-case name


class Catalogue(GroupTables):
    """Items, users and schemas of one dataset group, and what was available in the default one."""

    _hidden: frozenset[str] = frozenset()

    def without(self, columns: Iterable[str]) -> "Catalogue":
        """The same, but that nothing learns from these columns, such as `Items.GENRE`."""
        other = copy(self)
        other._hidden = frozenset(columns)
        return other

    def shows(self, dataset: DatasetType, column: str) -> bool:
        """True unless the column is left out."""
        return f"{dataset}.{column}" not in self._hidden

    def put_items(self, batch: Sequence[Item], *, imported: bool = False) -> None:
        """Insert or replace, in one transaction; `imported` if they are rows of an import."""
        self._put_all(items, batch, imported, "item_id", "created_at")

    def item_changes(self) -> int:
        """Number of changes of items so far, in all dataset groups. Read it before the items."""
        mark = select(log_marks.c.offset).where(log_marks.c.name == _ITEM_CHANGES)
        return self._scalar(mark) or 0

    def put_users(self, batch: Sequence[User], *, imported: bool = False) -> None:
        """Insert or replace, in one transaction; `imported` if they are rows of an import."""
        self._put_all(users, batch, imported, "user_id")

    def set_attributes(self, user_id: str, changes: Mapping[str, Value]) -> None:
        """Change these attributes of a user, and no other."""
        mine = select(users.c.attributes).where(self._mine(users), users.c.user_id == user_id)
        who = {"dataset_group": self._dataset_group, "user_id": user_id}
        # In one transaction, so that no change of another writer is lost.
        with self._database.writing() as connection:
            attributes = {**_DECODE(connection.scalar(mine) or "{}"), **changes}
            upsert(connection, users, [who | {"attributes": _ENCODE(attributes).decode()}])

    def items(self, imported: bool | None = None) -> Iterator[Item]:
        """Every item, by id; only those that were imported, or were not, if that is given."""
        mine = select(items).where(self._of_origin(items, imported)).order_by(items.c.item_id)
        with self._database.reading() as connection:
            for row in connection.execute(mine):
                yield Item(row.item_id, _DECODE(row.attributes), row.created_at)

    def item(self, item_id: str) -> Item | None:
        """One item, or None."""
        wanted = select(items).where(self._mine(items), items.c.item_id == item_id)
        found = (
            Item(one.item_id, _DECODE(one.attributes), one.created_at) for one in self._rows(wanted)
        )
        return next(found, None)

    def user(self, user_id: str) -> User | None:
        """One user, or None."""
        wanted = {"group": self._dataset_group, "user": user_id}
        rows = self._database.rows(_ATTRIBUTES_OF, wanted)
        return User(user_id, _DECODE(rows[0][0])) if rows else None

    def users(self, imported: bool | None = None) -> Iterator[User]:
        """Every user with attributes, by id; of one origin as those of `items`."""
        mine = select(users).where(self._of_origin(users, imported)).order_by(users.c.user_id)
        with self._database.reading() as connection:
            for row in connection.execute(mine):
                yield User(row.user_id, _DECODE(row.attributes))

    def item_count(self) -> int:
        """Count the items."""
        return int(self._scalar(select(func.count()).where(self._mine(items))))

    def erase_items(self, imported: bool | None = None) -> int:
        """Delete every item, of one origin as those of `items`; returns how many there were."""
        with self._database.writing() as connection:
            _count_change(connection)
            those = self._of_origin(items, imported)
            return connection.execute(delete(items).where(those)).rowcount

    def erase_users(self, imported: bool | None = None) -> int:
        """Delete every user's attributes, as `erase_items`; returns how many users had some."""
        return self._execute(delete(users).where(self._of_origin(users, imported)))

    def stays(self, until: int) -> Iterator[Stay]:
        """Stays of the animals of each item: those that began by `until`, in order."""
        # Other dataset groups have no single animals.
        if self._dataset_group != DEFAULT_DATASET_GROUP:
            return
        begun = select(stays.c.item_id, stays.c.since, stays.c.until).where(stays.c.since <= until)
        with self._database.reading() as connection:
            for row in connection.execute(begun.order_by(stays.c.animal_id, stays.c.since)):
                yield Stay(*row)

    def put_schema(self, schema: Schema) -> None:
        """Store the schema of its dataset, in place of the one before."""
        fields = msgspec.json.encode(schema.fields).decode()
        row = {"dataset": schema.dataset.value, "fields": fields}
        self._put(schemas, [{"dataset_group": self._dataset_group, **row}])

    def schema(self, dataset: DatasetType) -> Schema | None:
        """The schema of the dataset, or None."""
        of_dataset = (self._mine(schemas), schemas.c.dataset == dataset.value)
        fields = self._scalar(select(schemas.c.fields).where(*of_dataset))
        if fields is None:
            return None
        known = (one for one in _DECODE_FIELDS(fields) if self.shows(dataset, one.name))
        return Schema(dataset, tuple(known))

    def _of_origin(self, table: Table, imported: bool | None) -> ColumnElement[bool]:
        mine = self._mine(table)
        return mine if imported is None else mine & (table.c.is_imported == imported)

    def _put_all(
        self, table: Table, batch: Sequence[Item | User], imported: bool, *names: str
    ) -> None:
        rows = [
            {
                "dataset_group": self._dataset_group,
                **{name: getattr(one, name) for name in names},
                "attributes": _ENCODE(one.attributes).decode(),
                "is_imported": imported,
            }
            for one in batch
        ]
        with self._database.writing() as connection:
            upsert(connection, table, rows)
            if table is items:
                _count_change(connection)


def _count_change(connection: Connection) -> None:
    # Added in the database, whose lock on the row puts the numbers into the order of commits.
    more = {"offset": log_marks.c.offset + 1}
    merge(connection, log_marks, [{"name": _ITEM_CHANGES, "offset": 1}], lambda _new: more)
