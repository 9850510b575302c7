"""Resources: dataset groups, solutions, campaigns and all others, in one table."""

import builtins
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, delete, select, tuple_, update

from pawsonalize.core.database.statements import insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import resources


class ResourceRow(msgspec.Struct, frozen=True):
    """A named resource as it is stored."""

    kind: str
    name: str  # unique within its kind
    parent: str | None  # the name of the resource that it belongs to
    status: str
    body: str  # all else, as JSON
    failure_reason: str | None
    created_at: int
    updated_at: int
    revision: int = 1  # 1 when it is created, and 1 more with each update


class Resources(TableAccess):
    """The resources table."""

    def create(self, row: ResourceRow) -> bool:
        """Store a new resource; False if its name is taken."""
        with self._database.writing() as connection:
            return insert_new(connection, resources, [asdict(row)]) == 1

    def get(self, kind: str, name: str) -> ResourceRow | None:
        """One resource, or None."""
        rows = self._mappings(select(resources).where(*_named(kind, name)))
        return next((ResourceRow(**row) for row in rows), None)

    def list(
        self,
        kind: str,
        limit: int,
        *,
        parent: str | None = None,
        before: tuple[int, str] | None = None,
        statuses: Sequence[str] = (),
        without: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> builtins.list[ResourceRow]:
        """Resources of a kind, newest first: of a parent, in statuses, after (created_at, name).

        Those that have a value of `without` in its column are left out.
        """
        age = (resources.c.created_at, resources.c.name)
        wanted = select(resources).where(resources.c.kind == kind)
        if parent is not None:
            wanted = wanted.where(resources.c.parent == parent)
        for column, values in without.items():
            wanted = wanted.where(resources.c[column].not_in(values))
        if statuses:
            wanted = wanted.where(resources.c.status.in_(statuses))
        if before is not None:  # one comparison of both columns, for which there is an index
            wanted = wanted.where(tuple_(*age) < tuple_(*before))
        newest_first = wanted.order_by(*(column.desc() for column in age)).limit(limit)
        return [ResourceRow(**row) for row in self._mappings(newest_first)]

    def update(self, row: ResourceRow, *, expected_revision: int) -> bool:
        """Replace the resource if its revision is as expected; returns whether it was."""
        seen = (*_named(row.kind, row.name), resources.c.revision == expected_revision)
        return self._execute(update(resources).where(*seen).values(asdict(row))) == 1

    def delete(self, kind: str, name: str, *, expected_revision: int) -> bool:
        """Delete the resource if its revision is as expected; returns whether it was."""
        seen = (*_named(kind, name), resources.c.revision == expected_revision)
        return self._execute(delete(resources).where(*seen)) == 1


def _named(kind: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return resources.c.kind == kind, resources.c.name == name
