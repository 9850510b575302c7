"""Failures of a database in words, each with the next move."""

import os
import shutil
from pathlib import Path

from pawsonalize.core.errors import StorageUnavailable

FULL = "the disk that holds the database is full: free some space"
READ_ONLY = "the database is read-only: make its folder writable for this user"
_TOO_MANY = (
    "PostgreSQL takes no more connections: lower database_connections or workers, or raise its"
    " max_connections (docs/how-to/run-several-servers.md)"
)
# Parts of the messages of databases, and what they mean for people.
_KNOWN = (
    ("disk is full", FULL),
    ("readonly", READ_ONLY),
    (
        "read-only transaction",
        "the database takes no writes: name the server that does, or let this user write to it",
    ),
    ("too many clients", _TOO_MANY),
    ("too many connections", _TOO_MANY),  # of a role, or to a database
    ("slots are reserved", _TOO_MANY),
    (
        "QueuePool limit",
        "all connections of this process to the database are busy: send the request again; if it"
        " lasts, raise database_connections",
    ),
    (
        "idle-in-transaction timeout",
        "this server stood still in the middle of a write, and others went on: send the request"
        " again",
    ),
    ("lock timeout", "tables that are to be changed are being read: start again when that is over"),
    ("unable to open", "the database file cannot be opened: check that its folder is writable"),
    ("locked", "the database is busy with another writer: send the request again"),
    ("disk I/O", "the disk that holds the database fails: check the disk and its space"),
    ("No space left", FULL),
)
MOVED = (
    "the database file was moved, replaced or removed since the service started: put it back, or"
    " start the service again"
)
_DAMAGED = (
    "the database is damaged: stop the service, then bring the file back from a copy, or move it"
    " away and rebuild the events with `pawsonalize archive replay` and import items and animals"
    " again"
)
SILENT = "the database did not answer: send the request again"
_DAMAGE = (
    *("malformed", "not a database", "Could not decode to UTF-8"),
    *("invalid page in block", "could not read block"),
)

_LEAST_ROOM = 512 * 1024  # bytes; a call of a few hundred events needs about half of it


def file_identity(file: Path | None) -> tuple[int, int] | None:
    """Device and number of a file, which a file of the same name does not share; None without."""
    try:
        found = None if file is None else file.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def has_log(file: Path) -> bool:
    """True if a write-ahead log with newer events lies beside a database's file."""
    log = Path(f"{file}-wal")
    return log.exists() and log.stat().st_size > 0


def is_full(file: Path) -> bool:
    """True if the disk of a database's file has no room for a call's events."""
    return shutil.disk_usage(file.absolute().parent).free < _LEAST_ROOM


def takes_no_writes(file: Path) -> bool:
    """True if nobody can write to a database's file: its disk is full or read-only."""
    return is_full(file) or bool(os.statvfs(file.absolute().parent).f_flag & os.ST_RDONLY)


def why_no_room(file: Path) -> str | None:
    """Return why nothing can be written beside a database's file, or None if it can."""
    folder = file.absolute().parent
    try:
        if is_full(file):
            return f"{FULL} ({folder})"
        return None if os.access(folder, os.W_OK) else f"{READ_ONLY} ({folder})"
    except OSError as error:
        return f"the database's folder {folder} cannot be reached: {error.strerror}"


def explain_failure(reason: str, place: str) -> StorageUnavailable:
    """Return the error of a failure for which the database gives this reason."""
    # SQLite quotes the text that it cannot read, and it may be a person's.
    detail = f"{place}: {reason.partition(' with text ')[0].strip()}"
    if any(sign in reason for sign in _DAMAGE):
        return StorageUnavailable(_DAMAGED, detail=detail)
    for sign, meaning in _KNOWN:
        if sign in reason:
            message = f"{meaning}. Nothing of this request was stored"
            return StorageUnavailable(message, detail=detail)
    return StorageUnavailable(SILENT, detail=detail)
