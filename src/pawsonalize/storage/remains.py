"""What deleted rows may leave behind in the files of a database, and how it is removed."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.storage.database import Database

_MOST_NAMES = 1_000  # that are looked for one by one
_HEADER = 100  # bytes of the first page, before its own header
_LEAF, _INTERIOR = (10, 13), (2, 5)
_SWEPT = ("events", "sessions", "users", "impressions", "erased_visitors")


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
    if len(names) > _MOST_NAMES:
        return any(gaps(file))
    found = re.compile(b"|".join(re.escape(name.encode()) for name in sorted(names)))
    return any(found.search(gap) for gap in gaps(file))


def gaps(file: Path) -> Iterator[bytes]:
    """The parts of the pages of a SQLite file that hold no row and are not blank.

    See "B-tree Pages" in SQLite's description of its file format.
    """
    with file.open("rb") as pages:
        size = int.from_bytes(pages.read(_HEADER)[16:18], "big")
        size = 65_536 if size == 1 else size
        pages.seek(0)
        start = _HEADER
        while len(page := pages.read(size)) == size:
            gap = _gap(page, start)
            if gap.strip(b"\0"):
                yield gap
            start = 0


def _gap(page: bytes, start: int) -> bytes:
    """Between the list of cells and the cells; nothing for a page of another kind."""
    kind = page[start]
    if kind not in _LEAF and kind not in _INTERIOR:
        return b""
    header = 8 if kind in _LEAF else 12
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or 65_536
    return page[start + header + 2 * cells : content]
