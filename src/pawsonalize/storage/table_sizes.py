"""How many rows the largest tables have, and the bytes that they take with their indexes."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, Table, func, select, text

from pawsonalize.storage.database import Database
from pawsonalize.storage.packing import packed_id
from pawsonalize.storage.tables import events, impressions, raw_events
from pawsonalize.wings.dead_letters.tables import dead_letters

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
        size = self._size(events)
        with self._database.reading() as connection:
            return replace(size, bytes=size.bytes + _bytes(connection, raw_events))

    def answers(self) -> TableSize:
        """That of the answers."""
        return self._size(impressions)

    def letters(self) -> TableSize:
        """That of the dead letters."""
        return self._size(dead_letters)

    def letters_since(self, moment: int) -> int:
        """Count the dead letters that came in from that moment on."""
        later = dead_letters.c.at >= moment
        with self._database.reading() as connection:
            counted = select(func.count()).select_from(dead_letters).where(later)
            return connection.scalar(counted) or 0

    def answers_since(self, first_id: str) -> int:
        """Count the answers with that id or a later one."""
        later = impressions.c.recommendation_id >= packed_id(first_id)
        with self._database.reading() as connection:
            return (
                connection.scalar(select(func.count()).select_from(impressions).where(later)) or 0
            )

    def first_answer_at(self) -> int | None:
        """When the oldest answer was given; None without answers."""
        oldest = select(impressions.c.answered_at).order_by(impressions.c.recommendation_id)
        with self._database.reading() as connection:
            return connection.scalar(oldest.limit(1))

    def _size(self, table: Table) -> TableSize:
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
