"""Parts of statements that several tables need.

SQLAlchemy has an `INSERT … ON CONFLICT` for each dialect; here is one for both.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, func
from sqlalchemy.dialects import postgresql, sqlite

from pawsonalize.domain.event_types import SEPARATORS, EventTypes
from pawsonalize.storage.tables import events

_IDS_AT_ONCE = 500

_Id = TypeVar("_Id", str, bytes)

Insert = sqlite.Insert | postgresql.Insert


def insert(connection: Connection, table: Table) -> Insert:
    """An INSERT of the connection's dialect."""
    return insert_of(connection.dialect.name, table)


def insert_of(dialect: str, table: Table) -> Insert:
    """An INSERT of the dialect of that name."""
    construct = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return construct(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose unique columns are free, and return how many those were."""
    counting = connection.execution_options(preserve_rowcount=True)
    return counting.execute(insert(connection, table).on_conflict_do_nothing(), rows).rowcount


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, replacing those whose primary key is taken; the last of equal keys wins."""
    keys = [column.name for column in table.primary_key]
    last_of_each = {tuple(row[key] for key in keys): row for row in rows}
    if not last_of_each:
        return
    statement = insert(connection, table)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    statement = statement.on_conflict_do_update(index_elements=keys, set_=replaced)
    connection.execute(statement, list(last_of_each.values()))


def in_parts(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """The ids in their order, as many at a time as one statement can take."""
    return (ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE))


def means(event_types: EventTypes, meanings: Collection[str]) -> ColumnElement[bool]:
    """Whether an event's type has one of these meanings.

    The statement reads the type as it was sent, so a change of the setting `event_types` counts
    for events of before, too.
    """
    spelled: Any = func.lower(events.c.event_type)
    for separator in SEPARATORS:
        spelled = func.replace(spelled, separator, "")
    found: ColumnElement[bool] = spelled.in_(sorted(event_types.spellings(meanings)))
    return found
