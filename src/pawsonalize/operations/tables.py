"""Sizes of tables and of a SQLite file; what is free goes back to the disk, erased bytes go."""

import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import cast

import msgspec
from msgspec.structs import replace
from sqlalchemy import Column, ColumnElement, Connection, Table, func, select, text

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import events, impressions, raw_events
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.plugin import added
from pawsonalize.recommend.tables import packed_id

_SQLITE = text(
    "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE"
    " AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = :name)"
)
_CAN_TELL = text("SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'")
_WHOLE_FILE = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
_POSTGRESQL = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")


class TableSize(msgspec.Struct, frozen=True):
    """The size of one table."""

    rows: int
    bytes: int

    @property
    def per_row(self) -> float:
        """The bytes of a row; 0 without rows."""
        return self.bytes / self.rows if self.rows else 0.0


class TableSizes(TableAccess):
    """Measures tables. Each call reads a whole one, so it is for reports and never for answers."""

    def events(self) -> TableSize:
        """That of the log, with what waits for the archive of how its events came in."""
        size = self.size(events)
        with self._database.reading() as connection:
            return replace(size, bytes=size.bytes + _bytes(connection, raw_events))

    def bytes_since(self, moments: Column[int], moment: int) -> float:
        """Return the bytes of a table's rows whose column has that moment or a later one."""
        return self.size(moments.table).per_row * self._count(moments >= moment)

    def _count(self, condition: ColumnElement[bool]) -> int:
        return self._scalar(select(func.count()).where(condition)) or 0

    def answers_since(self, first_id: str) -> int:
        """Number of answers with that id or a later one."""
        return self._count(impressions.c.recommendation_id >= packed_id(first_id))

    def first_answer_at(self) -> int | None:
        """The moment of the oldest answer; None without answers."""
        oldest = select(impressions.c.answered_at).order_by(impressions.c.recommendation_id)
        found: int | None = self._scalar(oldest.limit(1))
        return found

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


_SWEPT = ("events", "sessions", "users", "impressions", "erased_visitors", "raw_events")


def remove_remains(database: Database, names: Collection[str] | None) -> None:
    """Leave nothing of deleted rows in the files; `names` is None if nobody knows what went."""
    if not database.is_local:
        database.maintain("VACUUM " + ", ".join((*_SWEPT, *(one.name for one in added("tables")))))
        return
    # If no name was deleted, the file is not worth to be written anew.
    if database.file is not None and (names is None or names):
        # `secure_delete` overwrites deleted rows, but not the copies that SQLite leaves in the
        # free space of a page when it moves rows to another.
        database.maintain("VACUUM")
    # The log has copies of the rows as well.
    if database.maintain("PRAGMA wal_checkpoint(TRUNCATE)")[0]:
        raise StorageUnavailable("the write-ahead log is being read: it is emptied at the next try")


_STEP = 1_000  # pages of 4 KB, in one short transaction
_KEPT_SHARE = 0.1  # of the file: what is freed every day is needed again on the next
_LONG_LOG = 64 * 1024 * 1024
_PATIENCE = "PRAGMA busy_timeout=100"  # ms; who waits for readers holds up writers meanwhile
_INCREMENTAL = 2


class FileSize(msgspec.Struct, frozen=True):
    """Use of a SQLite file, in bytes. `shrinks`: it can give free space back to the disk."""

    total: int
    free: int
    shrinks: bool

    @classmethod
    def of(cls, database: Database) -> "FileSize | None":
        """The size of the database's file; None for PostgreSQL and in memory."""
        if database.file is None:
            return None
        names = ("page_size", "page_count", "freelist_count", "auto_vacuum")
        size, pages, free, mode = (
            int((database.maintain(f"PRAGMA {n}") or (0,))[0]) for n in names
        )
        return cls(pages * size, free * size, mode == _INCREMENTAL)


def tidy(database: Database) -> None:
    """Give back what is free beyond a tenth of the file, and cut a long write-ahead log."""
    size = FileSize.of(database)
    if size is None or database.file is None:
        return
    while size.shrinks and size.free > _KEPT_SHARE * size.total:
        with database.reading() as connection:
            # Python's `execute` would free one page: SQLite pauses after each.
            driver = cast("sqlite3.Connection", connection.connection.driver_connection)
            driver.executescript(f"PRAGMA incremental_vacuum({_STEP})")
        before, size = size, FileSize.of(database) or size
        # No more can be freed for now.
        if size.free >= before.free:
            break
    log = Path(f"{database.file}-wal")
    if log.exists() and log.stat().st_size > _LONG_LOG:
        with database.reading() as connection:
            connection.exec_driver_sql(_PATIENCE)
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.invalidate()  # its patience is no other's


def rewrite(database: Database) -> None:
    """Write the file anew without what is free; from then on it can give back. Needs its size."""
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA auto_vacuum=INCREMENTAL")
        connection.exec_driver_sql("VACUUM")
