"""Base of the classes that read and write tables: one statement in a call."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, RowMapping, Select, Table, UpdateBase

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import upsert
from pawsonalize.core.event import DEFAULT_DATASET_GROUP

P = ParamSpec("P")
T = TypeVar("T")
_Values = Mapping[str, Any] | None


class TableAccess:
    """Reads and writes some of the tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _with(
        self, read: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what a function reads by a connection."""
        with self._database.reading() as connection:
            return read(connection, *args, **kwargs)

    def _put(self, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert or replace rows, in a transaction of their own."""
        with self._database.writing() as connection:
            upsert(connection, table, rows)

    def _rows(self, wanted: Select[Any], values: _Values = None) -> Sequence[Any]:
        with self._database.reading() as connection:
            return connection.execute(wanted, values).all()

    def _mappings(self, wanted: Select[Any]) -> Sequence[RowMapping]:
        with self._database.reading() as connection:
            return connection.execute(wanted).mappings().all()

    def _scalars(self, wanted: Select[Any]) -> Sequence[Any]:
        with self._database.reading() as connection:
            return connection.scalars(wanted).all()

    def _scalar(self, wanted: Executable) -> Any:
        """Return the first value of a SELECT, or None."""
        with self._database.reading() as connection:
            return connection.scalar(wanted)

    def _execute(self, statement: UpdateBase) -> int:
        """Run one statement in a transaction of its own; returns how many rows it changed."""
        with self._database.writing() as connection:
            counting = connection.execution_options(preserve_rowcount=True)
            return counting.execute(statement).rowcount


class GroupTables(TableAccess):
    """Reads and writes what some of the tables hold of one dataset group."""

    def __init__(self, database: Database, dataset_group: str = DEFAULT_DATASET_GROUP) -> None:
        super().__init__(database)
        self._dataset_group = dataset_group

    def of(self, dataset_group: str) -> Self:
        """Return the tables as of another dataset group."""
        other = copy(self)
        other._dataset_group = dataset_group
        return other

    def _mine(self, table: Table) -> ColumnElement[bool]:
        return table.c.dataset_group == self._dataset_group
