"""How the tables of a database differ from those that the code names."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.schema import SchemaItem


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    """What a migration would have to do; some indexes are those of one dialect alone."""
    dialect = connection.dialect.name

    def is_here(one: SchemaItem, *_: object) -> bool:
        condition = getattr(one, "_ddl_if", None)
        return condition is None or condition.dialect == dialect

    context = MigrationContext.configure(connection, opts={"include_object": is_here})
    found: list[Any] = compare_metadata(context, metadata)
    return found
