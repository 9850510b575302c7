"""The size of a SQLite file. What is free in it goes back to the disk."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pawsonalize.storage.database import Database

_STEP = 1_000  # pages of 4 KB, in one short transaction
_KEPT_SHARE = 0.1  # of the file: what is freed every day is needed again on the next
_LONG_LOG = 64 * 1024 * 1024
_PATIENCE = "PRAGMA busy_timeout=100"  # ms; who waits for readers holds up writers meanwhile
_INCREMENTAL = 2


@dataclass(frozen=True, slots=True)
class FileSize:
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
            driver = cast(sqlite3.Connection, connection.connection.driver_connection)
            driver.executescript(f"PRAGMA incremental_vacuum({_STEP})")
        before, size = size, FileSize.of(database) or size
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
