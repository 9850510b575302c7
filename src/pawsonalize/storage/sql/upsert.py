"""INSERT … ON CONFLICT, which both dialects have but SQLAlchemy spells per dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert(connection: Connection, table: Table) -> Insert:
    """An INSERT of the connection's dialect."""
    construct = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
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
