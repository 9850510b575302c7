"""What deleted rows may leave behind in the files of a database, and how it is removed."""

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.storage.database import Database
from pawsonalize.storage.gaps import FREE, HELD

_SWEPT = (
    "events",
    "sessions",
    "users",
    "impressions",
    "dead_letters",
    "erased_visitors",
    "raw_events",
)


def remove_remains(database: Database, names: Collection[str] | None) -> None:
    """Leave nothing of deleted rows in the files that this service writes.

    SQLite: rows are overwritten when they are deleted. When it moves rows to another page, it may
    leave a copy behind; if one of the names is found so, or None are known, the whole file is
    written anew. The write-ahead log is emptied. PostgreSQL: dead rows are vacuumed.
    """
    if not database.is_local:
        database.maintain("VACUUM " + ", ".join(_SWEPT))
        return
    _empty_log(database)
    if database.file is None or not _may_remain(database.file, names):
        return
    database.maintain("VACUUM")
    _empty_log(database)


def _empty_log(database: Database) -> None:
    if database.maintain("PRAGMA wal_checkpoint(TRUNCATE)")[0]:
        raise StorageUnavailable("the write-ahead log is being read: it is emptied at the next try")


def _may_remain(file: Path, names: Collection[str] | None) -> bool:
    if names is None:
        return True
    if not names:
        return False
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "pawsonalize.storage.gaps", str(file)],
        input=json.dumps(sorted(names)).encode(),
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode not in {HELD, FREE}:
        raise StorageUnavailable("the database's file was not searched: it is tried again")
    return done.returncode == HELD
