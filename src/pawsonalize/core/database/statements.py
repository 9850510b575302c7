"""Statements for both databases, and whether somebody waits."""

import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, cast

from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, Table, func
from sqlalchemy.dialects import postgresql, sqlite

from pawsonalize.core.database.tables import events
from pawsonalize.core.event import SEPARATORS, EventTypes


# SQLAlchemy takes several times as long to run a SELECT as SQLite does. So a prepared one is
# written out once, and SQLite gets its text directly. PostgreSQL gets it as any other statement.
class PreparedSelect:
    """A SELECT of texts and numbers with named parameters, without `IN` lists; its SQLite text."""

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        compiled = statement.compile(dialect=sqlite.dialect())
        self.text = compiled.string
        self._names = compiled.positiontup or []
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """The parameters in the order of the text."""
        given = {**self._fixed, **parameters}
        return [given[name] for name in self._names]


class PreparedReads:
    """Runs prepared SELECTs on a SQLite file, for any thread, each on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[sqlite3.Connection] = deque()

    def rows(self, wanted: PreparedSelect, parameters: Mapping[str, object]) -> list[Any]:
        """Return the rows of the SELECT as tuples, as of the newest committed state."""
        try:
            # The one used last, whose cache is the fullest.
            connection = self._idle.pop()
        except IndexError:
            connection = self._opened()
        try:
            return connection.execute(wanted.text, wanted.values(parameters)).fetchall()
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections; nothing may be asked meanwhile."""
        while self._idle:
            self._idle.pop().close()

    def _opened(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        connection = cast("sqlite3.Connection", pooled.driver_connection)
        pooled.detach()  # it is ours from here on
        # After each commit of another connection SQLite unmaps the file, and every page is a fault
        # again. To read the few pages of an answer costs half of that.
        connection.execute("PRAGMA mmap_size=0")
        # Such a commit empties the cache, too. A few pages, used over and over, are the quickest to
        # fill again, and hold the upper levels of the indexes.
        connection.execute("PRAGMA cache_size=-2000")
        return connection


# Far below 32,766, the most parameters that a statement of SQLite has.
_IDS_AT_ONCE = 500

_Id = TypeVar("_Id", str, bytes)

Insert = sqlite.Insert | postgresql.Insert
Change = Callable[[Any], Mapping[str, Any]]
"""Returns the changed columns of a row that is there, by those of the new one."""


def insert_of(dialect: str, table: Table) -> Insert:
    """An INSERT of the dialect of that name."""
    construct = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return construct(table)


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> int:
    """Insert the rows whose unique columns are free, and return how many those were."""
    counting = connection.execution_options(preserve_rowcount=True)
    new = insert_of(connection.dialect.name, table)
    return counting.execute(new.on_conflict_do_nothing(), rows).rowcount


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, replacing those whose primary key is taken; the last of equal keys wins."""
    keys = [column.name for column in table.primary_key]
    # PostgreSQL refuses a statement that would change one row twice.
    last_of_each = {tuple(row[key] for key in keys): row for row in rows}
    others = [column.name for column in table.columns if column.name not in keys]
    rows = list(last_of_each.values())
    merge(connection, table, rows, lambda new: {name: new[name] for name in others})


def merge(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], change: Change
) -> None:
    """Insert rows; where a primary key is taken, the row is changed as the new one says."""
    if rows:
        connection.execute(merging(connection.dialect.name, table, change), rows)


def merging(dialect: str, table: Table, change: Change) -> Insert:
    """Return the statement of `merge`, for those who keep it."""
    new = insert_of(dialect, table)
    keys = [column.name for column in table.primary_key]
    return new.on_conflict_do_update(index_elements=keys, set_=change(new.excluded))


def in_parts(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """The ids in their order, as many at a time as one statement can take."""
    return (ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE))


def rows_of(
    connection: Connection, wanted: Select[Any], column: Column[Any], ids: Iterable[_Id]
) -> list[Any]:
    """The rows of a SELECT whose column has one of the ids, however many these are."""
    parts = (wanted.where(column.in_(part)) for part in in_parts(sorted(ids)))
    return [row for part in parts for row in connection.execute(part)]


def means(event_types: EventTypes, meanings: Collection[str]) -> ColumnElement[bool]:
    """True if an event's type, as it was sent, has one of these meanings."""
    # So a change of the setting `event_types` counts for events of before, too.
    spelled: Any = func.lower(events.c.event_type)
    for separator in SEPARATORS:
        spelled = func.replace(spelled, separator, "")
    found: ColumnElement[bool] = spelled.in_(sorted(event_types.spellings(meanings)))
    return found


P = ParamSpec("P")
T = TypeVar("T")

# True in requests and the threads that they use. Trainings and jobs have time.
answering: ContextVar[bool] = ContextVar("answering", default=False)


def in_time(call: Callable[P, T]) -> Callable[P, T]:
    """Return the call so that it counts as one that somebody waits for."""

    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        before = answering.set(True)
        try:
            return call(*args, **kwargs)
        finally:
            answering.reset(before)

    return answered
