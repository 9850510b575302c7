"""Removal of the bytes that deleted rows leave in the files of a database."""

from collections.abc import Collection

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.storage.database import Database
from pawsonalize.wing import added

_SWEPT = (
    "events",
    "sessions",
    "users",
    "impressions",
    "erased_visitors",
    "raw_events",
)


def remove_remains(database: Database, names: Collection[str] | None) -> None:
    """Leave nothing of deleted rows in the files that this service writes.

    SQLite: the write-ahead log is emptied. The file is written anew if any names were deleted, or
    if `names` is None and nobody knows. PostgreSQL: dead rows are vacuumed.
    """
    if not database.is_local:
        database.maintain("VACUUM " + ", ".join((*_SWEPT, *(one.name for one in added("tables")))))
        return
    if database.file is not None and (names is None or names):
        # `secure_delete` overwrites deleted rows, but not the copies that SQLite leaves in the
        # free space of a page when it moves rows to another.
        database.maintain("VACUUM")
    if database.maintain("PRAGMA wal_checkpoint(TRUNCATE)")[0]:
        raise StorageUnavailable("the write-ahead log is being read: it is emptied at the next try")
