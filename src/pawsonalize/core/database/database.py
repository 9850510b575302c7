"""Opening a database, its transactions, and what its failures mean."""

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, select, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from pawsonalize.core.database.revisions import (
    Migrations,
    check_free,
    make_tables_of_plugins,
    revision_of,
)
from pawsonalize.core.database.statements import PreparedReads, PreparedSelect, answering, in_time
from pawsonalize.core.database.tables import REVISION, work
from pawsonalize.core.database.urls import display_url, parse_url, unusable_url
from pawsonalize.core.errors import InvalidInput, LeaseLost, NotFound, StorageUnavailable
from pawsonalize.core.logs import get_logger

if TYPE_CHECKING:
    from pawsonalize.core.database.postgres import PostgresEngines


log = get_logger()

_FENCES: ContextVar[tuple[tuple[str, int], ...]] = ContextVar("fences", default=())


@contextmanager
def fence_writes(name: str, token: int) -> Iterator[None]:
    """While the block runs, make writes of this thread LeaseLost if the token is another's."""
    before = _FENCES.set((*_FENCES.get(), (name, token)))
    try:
        yield
    finally:
        _FENCES.reset(before)


def check_fences(connection: Connection) -> None:
    """Raise LeaseLost unless this thread's leases are still its own, in a write transaction."""
    for name, token in _FENCES.get():
        # Read in the transaction of the write, so nobody takes the lease in between.
        if connection.scalar(select(work.c.token).where(work.c.name == name)) != token:
            # Here, as some callers end without a word, and a beat may find nothing left to lose.
            log.warning("another process goes on", lease=name)
            raise LeaseLost(f"another process goes on with {name}: this one ends")


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


CONNECTIONS = 20
"""Connections to PostgreSQL that one process opens at most, by default."""
_REOPEN_SECONDS = 0.3

# A write that changes nothing anybody reads. SQLite leaves out a write of the same content, so
# there it counts in a number of the file's head that is free for such uses.
_TRIAL = {
    True: "PRAGMA user_version = 1",
    False: "UPDATE alembic_version SET version_num = version_num",
}
# Some connections are reserved for others than usual roles; the second kind since PostgreSQL 16.
_CONNECTION_LIMIT = text(
    "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int"
    " - coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0)"
)
_CLOCK = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
_LOG_BYTES = 64 * 1024 * 1024  # of the write-ahead log

SQLITE_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # in WAL mode only FULL syncs at each commit
    "PRAGMA busy_timeout=15000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-65536",
    "PRAGMA mmap_size=4294967296",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA journal_size_limit={_LOG_BYTES}",  # a longer one is cut when it begins anew
    "PRAGMA secure_delete=ON",  # what is erased is overwritten; not every SQLite does so by itself
)


class Database:
    """A migrated database. Reads see what is committed; a write is durable when it returns."""

    def __init__(
        self, url: str, *, must_exist: bool = False, connections: int = CONNECTIONS
    ) -> None:
        """Open `sqlite:///path` or `postgresql://…`, and bring its tables up to date.

        Missing tables are made; with `must_exist`, they are NotFound. StorageUnavailable if the
        tables are of a version that cannot be brought up to date. Of PostgreSQL at most so many
        `connections` are open at a time.
        """
        opened = _opened(url, connections)
        self._remote = None if isinstance(opened, Engine) else opened
        self._engine = opened if isinstance(opened, Engine) else opened.patient
        self._answering = opened if isinstance(opened, Engine) else opened.answering
        self._failed_to_write = False
        self._opened_file: tuple[int, int] | None = None
        self._until_there_is_room: Engine | None = None  # instead of what reads a full disk
        self._refusals: list[str] = []  # of all views of this database
        self.is_local = self._remote is None
        self._prepared = None
        self._may_connect = threading.Event()
        self._may_connect.set()
        if self.file is not None:
            event.listen(self._engine, "do_connect", self._keep_to_file)
            self._prepared = PreparedReads(self._engine)
        self._snapshot: Connection | None = None
        try:
            self._open(must_exist)
        except BaseException:
            self.close()
            raise
        self._opened_file = file_identity(self.file)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for SELECTs. Each of them sees the newest committed state."""
        of_snapshot = None if self._snapshot is None else nullcontext(self._snapshot)
        with self._storage_errors(), of_snapshot or self._connected(reads=True) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[tuple["Database", str]]:
        """PostgreSQL as of now, for SELECTs, whatever is committed meanwhile; its name there."""
        with self._storage_errors(), self._engine.connect() as connected:
            connection = connected.execution_options(isolation_level="REPEATABLE READ")
            # The name is good while this transaction is open, which waits for others to use it.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            view = copy(self)
            view._snapshot = connection
            yield view, str(connection.scalar(text("SELECT pg_export_snapshot()")))

    def refuse(self, reason: str) -> None:
        """Let every call fail from now on."""
        # The tables are not those that this program knows.
        self._refusals.append(reason)

    def rows(
        self, wanted: PreparedSelect, parameters: Mapping[str, object]
    ) -> Sequence[Sequence[Any]]:
        """Return the rows of a prepared SELECT, as of the newest committed state."""
        if self._prepared is None or self._is_frozen():
            with self.reading() as connection:
                return connection.execute(wanted.statement, parameters).all()
        with self._storage_errors():
            return self._prepared.rows(wanted, parameters)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction, one at a time: committed durably at the end, or rolled back.

        LeaseLost if this thread works under a lease (`fence_writes`) that another one has by now.
        """
        turn = self._remote.writer_lock.only_thread() if self._remote else nullcontext(0.0)
        try:
            with (
                self._storage_errors(),
                turn as ends,
                self._connected() as connection,
                self._exclusive(connection, ends),
            ):
                # SQLite would go on to write into a file that nobody will open again.
                self._check_file()
                check_fences(connection)
                yield connection
        except StorageUnavailable as error:
            self._failed_to_write = True
            if error.message.startswith(READ_ONLY):
                self._reopen()
            raise
        self._failed_to_write = False

    def confirm_leases(self) -> None:
        """LeaseLost if this thread works under a lease that another one has by now."""
        if _FENCES.get():
            # Each write transaction begins with a look at the leases.
            with self.writing():
                pass

    def maintain(self, command: str) -> list[Any]:
        """Run a command outside of any transaction, such as VACUUM; returns its first row."""
        with self.reading() as connection:
            result = connection.exec_driver_sql(command)
            return list(result.first() or ()) if result.returns_rows else []

    def why_not_writable(self) -> str | None:
        """Return why nothing can be written now, with the next move; None if it can."""
        try:
            in_time(self._try_to_write)()
        except StorageUnavailable as error:
            return error.message
        return None if self.file is None else why_no_room(self.file)

    def _try_to_write(self) -> None:
        # A write is tried only if the last one failed, to find out whether that is over. The lock
        # of PostgreSQL is tried always: on another machine there may be who never gives it back.
        has_failed = self._failed_to_write
        if has_failed or not self.is_local:
            with self.writing() as connection:
                if has_failed:
                    connection.exec_driver_sql(_TRIAL[self.is_local])

    def damage(self) -> str | None:
        """Return what SQLite finds broken in its file, reading it all; None for PostgreSQL."""
        if not self.is_local:
            return None
        found = str(self.maintain("PRAGMA quick_check(1)")[0])
        broken = explain_failure(f"malformed: {found}", self.shown_url)
        return None if found == "ok" else str(broken)

    def connection_limit(self) -> int | None:
        """Return how many connections PostgreSQL grants to a usual role; None for SQLite."""
        return None if self.is_local else self._number(_CONNECTION_LIMIT)

    def clock(self) -> int | None:
        """The time of PostgreSQL's clock, in milliseconds since 1970; None for SQLite."""
        return None if self.is_local else self._number(_CLOCK)

    def _number(self, wanted: TextClause) -> int:
        with self.reading() as connection:
            return int(connection.scalar(wanted) or 0)

    def _check_file(self) -> None:
        """StorageUnavailable if another file, or none, is where the opened one was."""
        if self._opened_file not in {None, file_identity(self.file)}:
            raise StorageUnavailable(f"{MOVED}. Nothing of this request was stored")

    def _keep_to_file(
        self, _dialect: object, _record: object, args: list[Any], given: dict[str, Any]
    ) -> None:
        """Let a new connection of SQLite open the file that is there, and make none."""
        self._may_connect.wait(2 * _REOPEN_SECONDS)
        # It would take the log of the one that was moved for its own, and overwrite it.
        self._check_file()
        args[0], given["uri"] = f"file:{quote(args[0])}?mode=rw", True

    def _reopen(self) -> None:
        """Open SQLite's file anew if its disk was read-only and takes writes again."""
        # What SQLite opened read-only stays so until no connection of this process is open.
        if self._prepared is None or not self.file or takes_no_writes(self.file):
            return
        self._may_connect.clear()
        pool = self._engine.pool
        self._engine.dispose()
        for _ in range(10):  # those in use come back meanwhile
            self._prepared.close()
            pool.dispose()
            time.sleep(_REOPEN_SECONDS / 10)
        self._may_connect.set()

    def _freeze(self) -> bool:
        """Read a file as it lies, until it can be written; True if that can be."""
        # SQLite opens no file where it cannot put others beside it, as on a full or a read-only
        # disk. A log there would hold newer events.
        if not self.file or not self.file.exists() or not takes_no_writes(self.file):
            return False
        if has_log(self.file):
            return False
        self._until_there_is_room = self._engine
        # `immutable`: then SQLite opens no file beside this one.
        url = f"sqlite:///file:{quote(str(self.file))}?mode=ro&immutable=1&uri=true"
        self._engine = self._answering = create_engine(url, hide_parameters=True)
        return True

    def _is_frozen(self) -> bool:
        engine = self._until_there_is_room
        if engine is None or self.file is None or takes_no_writes(self.file):
            return engine is not None
        frozen, self._engine, self._answering = self._engine, engine, engine
        self._until_there_is_room = None
        frozen.dispose()
        return False

    def _connected(self, *, reads: bool = False) -> Connection:
        """A connection of those for requests, or of those for all other work."""
        if self._refusals:
            raise StorageUnavailable(self._refusals[0])
        if self._is_frozen() and self.file and not reads:
            raise StorageUnavailable(
                f"{why_no_room(self.file)}. Nothing of this request was stored"
            )
        if self._remote is None:  # the driver is in autocommit mode already
            return self._engine.connect()
        engine = self._answering if answering.get() else self._engine
        if answering.get() and self._remote.pulse.is_silent:
            raise StorageUnavailable(SILENT, detail=self.shown_url)
        connection = engine.connect()
        # Each SELECT is to see the newest committed state, and no transaction stays open.
        return connection.execution_options(isolation_level="AUTOCOMMIT") if reads else connection

    @contextmanager
    def _exclusive(self, connection: Connection, ends: float) -> Iterator[None]:
        if self._remote is None:
            # Not a plain BEGIN, whose first write fails if somebody wrote since its first read.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            self._remote.writer_lock.take(connection, ends)
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None in memory, and for PostgreSQL."""
        path = (self._until_there_is_room or self._engine).url.database
        return Path(path) if self.is_local and path else None

    @property
    def shown_url(self) -> str:
        """Its URL without the password."""
        return display_url((self._until_there_is_room or self._engine).url)

    def close(self) -> None:
        """Release every connection."""
        if self._prepared is not None:
            self._prepared.close()
        self._engine.dispose()
        if self._remote is not None:
            self._remote.close()

    def _open(self, must_exist: bool) -> None:
        """Find or make the tables. Makes no file where one must exist."""
        if self.file is not None and not self.file.exists():
            if has_log(self.file):
                raise StorageUnavailable(
                    f"the database file {self.file} is gone, and its log {self.file}-wal holds"
                    " events that are nowhere else: put the file back beside the log"
                )
            if must_exist:
                raise NotFound(f"there is no database {self.file}")
            with suppress(OSError):  # SQLite itself would let no group write
                self.file.touch()
        try:
            revision = self._look_inside(must_exist)
        except StorageUnavailable:
            if not self._freeze():
                raise
            revision = self._look_inside(must_exist)
        # The file keeps this mode, so a file of something else must never come this far.
        if self.is_local and not self._is_frozen():
            self.maintain("PRAGMA journal_mode=WAL")
        if revision != REVISION:
            Migrations(self.reading, self.writing, self.shown_url).bring_up_to_date(revision)
        make_tables_of_plugins(self.reading, self.writing)

    def _look_inside(self, must_exist: bool) -> str | None:
        """Return the revision of the tables, or None where they may be made."""
        with self.reading() as connection:
            revision = revision_of(connection)
            if must_exist and revision is None:
                raise NotFound(f"the database {self.shown_url} has no tables of Pawsonalize")
            if revision is None:
                check_free(connection, self.shown_url)
        return revision

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:  # not an outage: the same call would fail again
            reason, *_ = str(error.orig).splitlines()
            raise InvalidInput(f"the database cannot hold a value of it: {reason}") from error
        except DBAPIError as error:
            raise explain_failure(str(error.orig), self.shown_url) from error
        except (UnicodeDecodeError, msgspec.DecodeError) as error:  # of a text or record in a row
            raise explain_failure(f"malformed: {type(error).__name__}", self.shown_url) from error
        except (SQLAlchemyError, sqlite3.Error) as error:  # SQLite's own of a prepared SELECT
            raise explain_failure(str(error), self.shown_url) from error


def _opened(url: str, connections: int) -> "Engine | PostgresEngines":
    parsed = parse_url(url, "database_url")
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            # The driver begins no transaction by itself.
            connect_args={"isolation_level": None, "timeout": 15},
            hide_parameters=True,  # they are ids of visitors, and errors are logged
        )
        event.listen(engine, "connect", _set_pragmas)
        return engine
    try:
        from pawsonalize.core.database.postgres import PostgresEngines  # noqa: PLC0415 - an extra

        return PostgresEngines(parsed, connections)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise unusable_url(str(error), "database_url") from error


def _set_pragmas(connection: object, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's, typed as object
    # A file that has pages would be written to by this, and those who only read may not be able to.
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
