"""Opening a database, its transactions, and what its failures mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from pawsonalize.domain.errors import InvalidInput, NotFound, StorageUnavailable

# One writer at a time gives offsets in commit order, so a reader that has seen offset n will
# never meet a smaller one later. SQLite locks the file; PostgreSQL takes this advisory lock.
_WRITER_LOCK = 7_291_966

_VERSION_TABLE = "alembic_version"

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # in WAL mode only FULL syncs at each commit
    "PRAGMA busy_timeout=15000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-65536",
    "PRAGMA mmap_size=4294967296",
    "PRAGMA temp_store=MEMORY",
)


class Database:
    """A migrated database: reads see what is committed, writes are durable when they return."""

    def __init__(self, url: str, *, must_exist: bool = False) -> None:
        """Open `sqlite:///path` or `postgresql://…`, and bring its tables up to date.

        Where there are none they are made; with `must_exist`, that is NotFound.
        """
        self._engine = _engine(url)
        self.is_local = self._engine.dialect.name == "sqlite"
        # The SQLite driver is in autocommit mode already; saying so again costs a statement.
        self._reads = (
            self._engine
            if self.is_local
            else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        try:
            if must_exist:
                self._find()
            self._migrate()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for SELECTs, each seeing the newest committed state."""
        with _as_storage_errors(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one write transaction at a time: committed durably at the end, or rolled back."""
        with (
            _as_storage_errors(),
            self._engine.connect() as connection,
            self._exclusive(connection),
        ):
            yield connection

    @contextmanager
    def _exclusive(self, connection: Connection) -> Iterator[None]:
        if self.is_local:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    @property
    def shown_url(self) -> str:
        """Its URL without the password."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Release every connection."""
        self._engine.dispose()

    def _find(self) -> None:
        """Raise NotFound where there is nothing to read; leaves no file behind."""
        file = self._engine.url.database
        if self.is_local and file is not None and not Path(file).exists():
            raise NotFound(f"there is no database {file}")
        with _as_storage_errors(), self._reads.connect() as connection:
            if not inspect(connection).has_table(_VERSION_TABLE):
                raise NotFound(f"the database {self.shown_url} has no tables of Pawsonalize")

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.writing() as connection:  # so that servers starting together migrate once
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(parsed, connect_args={"isolation_level": None, "timeout": 15})
            event.listen(engine, "connect", _set_pragmas)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        reason = f"there is no adapter for {parsed.get_backend_name()}"
    except (ArgumentError, ModuleNotFoundError) as error:
        reason = str(error)
    raise InvalidInput(
        f"cannot use this database URL ({reason}): write sqlite:///path/to/file or"
        " postgresql://user@host/name (with the extra pawsonalize[postgres])",
        field="database_url",
    )


def _set_pragmas(connection: object, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's, typed as object
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


@contextmanager
def _as_storage_errors() -> Iterator[None]:
    try:
        yield
    except DataError as error:  # not an outage: the same call would fail again
        raise InvalidInput(f"the database cannot hold a value of it: {error.orig}") from error
    except DBAPIError as error:
        raise StorageUnavailable(_explain(str(error.orig))) from error
    except SQLAlchemyError as error:
        raise StorageUnavailable(f"the database did not answer: {error}") from error


def _explain(reason: str) -> str:
    known = (
        ("disk is full", "the disk that holds the database is full: free some space"),
        ("readonly", "the database is read-only: make its folder writable for this user"),
        ("unable to open", "the database file cannot be opened: check that its folder is writable"),
        ("locked", "the database is busy with another writer: send the request again"),
        ("disk I/O", "the disk that holds the database fails: check the disk and its space"),
        ("No space left", "the disk that holds the database is full: free some space"),
    )
    for sign, meaning in known:
        if sign in reason:
            return f"{meaning}. Nothing of this request was stored ({reason.strip()})"
    return f"the database did not answer: {reason.strip()}"
