"""Resources: dataset groups, solutions, campaigns and the others, in one table."""

import builtins
from dataclasses import asdict

from sqlalchemy import ColumnElement, and_, delete, select, tuple_, update

from pawsonalize.storage.base import ResourceRow
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import resources
from pawsonalize.storage.sql.upsert import insert_new


class SqlResources:
    """`Resources` on the resources table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, row: ResourceRow) -> bool:
        """See `Resources.create`."""
        with self._database.writing() as connection:
            return insert_new(connection, resources, [asdict(row)]) == 1

    def get(self, kind: str, name: str) -> ResourceRow | None:
        """See `Resources.get`."""
        with self._database.reading() as connection:
            row = connection.execute(select(resources).where(_is(kind, name))).mappings().first()
        return None if row is None else ResourceRow(**row)

    def list(
        self,
        kind: str,
        limit: int,
        *,
        parent: str | None = None,
        before: tuple[int, str] | None = None,
    ) -> builtins.list[ResourceRow]:
        """See `Resources.list`."""
        age = (resources.c.created_at, resources.c.name)
        wanted = select(resources).where(resources.c.kind == kind)
        if parent is not None:
            wanted = wanted.where(resources.c.parent == parent)
        if before is not None:
            wanted = wanted.where(tuple_(*age) < tuple_(*before))
        newest_first = wanted.order_by(*(column.desc() for column in age)).limit(limit)
        with self._database.reading() as connection:
            return [ResourceRow(**row) for row in connection.execute(newest_first).mappings()]

    def update(self, row: ResourceRow, *, expected_revision: int) -> bool:
        """See `Resources.update`."""
        seen = and_(_is(row.kind, row.name), resources.c.revision == expected_revision)
        with self._database.writing() as connection:
            changed = connection.execute(update(resources).where(seen).values(asdict(row)))
            return changed.rowcount == 1

    def delete(self, kind: str, name: str, *, expected_revision: int) -> bool:
        """See `Resources.delete`."""
        seen = and_(_is(kind, name), resources.c.revision == expected_revision)
        with self._database.writing() as connection:
            return connection.execute(delete(resources).where(seen)).rowcount == 1


def _is(kind: str, name: str) -> ColumnElement[bool]:
    return and_(resources.c.kind == kind, resources.c.name == name)
