"""Sizes of the largest tables: rows, and bytes with their indexes."""

from dataclasses import dataclass, replace

from sqlalchemy import Column, ColumnElement, Connection, Table, func, select, text

from pawsonalize.storage.database import Database
from pawsonalize.storage.packing import packed_id
from pawsonalize.storage.tables import events, impressions, raw_events

_SQLITE = text(
    "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE"
    " AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = :name)"
)
_CAN_TELL = text("SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'")
_WHOLE_FILE = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
_POSTGRESQL = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")


@dataclass(frozen=True, slots=True)
class TableSize:
    """The size of one table."""

    rows: int
    bytes: int

    @property
    def per_row(self) -> float:
        """The bytes of a row; 0 without rows."""
        return self.bytes / self.rows if self.rows else 0.0


class TableSizes:
    """Measures tables. Each call reads a whole one, so it is for reports and never for answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def events(self) -> TableSize:
        """That of the log, with what waits for the archive of how its events came in."""
        size = self.size(events)
        with self._database.reading() as connection:
            return replace(size, bytes=size.bytes + _bytes(connection, raw_events))

    def bytes_since(self, moments: Column[int], moment: int) -> float:
        """Return the bytes of a table's rows whose column has that moment or a later one."""
        return self.size(moments.table).per_row * self._count(moments >= moment)

    def _count(self, condition: ColumnElement[bool]) -> int:
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).where(condition)) or 0

    def answers_since(self, first_id: str) -> int:
        """Number of answers with that id or a later one."""
        return self._count(impressions.c.recommendation_id >= packed_id(first_id))

    def first_answer_at(self) -> int | None:
        """When the oldest answer was given; None without answers."""
        oldest = select(impressions.c.answered_at).order_by(impressions.c.recommendation_id)
        with self._database.reading() as connection:
            return connection.scalar(oldest.limit(1))

    def size(self, table: Table) -> TableSize:
        """Return the size of a table."""
        with self._database.reading() as connection:
            rows = connection.scalar(select(func.count()).select_from(table)) or 0
            return TableSize(rows, _bytes(connection, table))


def _bytes(connection: Connection, table: Table) -> int:
    wanted = _POSTGRESQL
    if connection.dialect.name == "sqlite":
        # A few builds of SQLite cannot tell: then each table counts as much as the whole file.
        wanted = _SQLITE if connection.scalar(_CAN_TELL) else _WHOLE_FILE
    named = {"name": table.name} if wanted is not _WHOLE_FILE else {}
    return int(connection.scalar(wanted, named) or 0)
