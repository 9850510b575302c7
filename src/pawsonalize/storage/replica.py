"""A read replica of PostgreSQL, for readers that may be a moment behind."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, cast

import structlog
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DataError, SQLAlchemyError

from pawsonalize.domain.errors import InvalidInput, StorageUnavailable
from pawsonalize.storage.contexts import in_time
from pawsonalize.storage.postgres import PostgresEngines
from pawsonalize.storage.revisions import installation_of
from pawsonalize.storage.urls import display_url

_AGAIN_SECONDS = 10.0  # after a failure the primary answers for so long
_LOOK_SECONDS = 0.1
_LONG_BEHIND_SECONDS = 60.0
_LONGEST_SECONDS = 3600.0  # of one statement of a training
_HEAD = text("SELECT pg_current_wal_lsn()::text")
_BEHIND = text(
    "SELECT pg_wal_lsn_diff(CAST(:head AS pg_lsn), CASE WHEN pg_is_in_recovery()"
    " THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)"
)
Primary = Callable[[], AbstractContextManager[Connection]]

log = structlog.get_logger()


class ReadReplica:
    """Answers SELECTs, maybe a moment late; while it cannot, the primary does."""

    def __init__(self, url: URL, connections: int, primary: Primary) -> None:
        self.shown_url = display_url(url)
        self._engines = PostgresEngines(url, connections, _LONGEST_SECONDS)
        self.primary = primary
        self._is_checked = False
        self._failed_at: float | None = None
        self._wanted: tuple[str, float] | None = None
        self.fault: str | None = None  # reason why it does not answer; None while it does

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for SELECTs, each of which the primary answers if the replica cannot."""
        with ExitStack() as open_ones:
            yield cast("Connection", _Reading(self, open_ones))

    def connected(self, open_ones: ExitStack) -> Connection | None:
        """A connection to the replica; None while it is not to be asked."""
        if self._failed_at is not None and time.monotonic() - self._failed_at < _AGAIN_SECONDS:
            return None
        try:
            # Within the time that an answer has, whoever reads: a frozen replica must not hold
            # anything up.
            connection = open_ones.enter_context(in_time(self._engines.answering.connect)())
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            self._check(connection)
        except (SQLAlchemyError, InvalidInput) as error:
            self.failed(error)
            return None
        self._failed_at = self.fault = None
        return connection

    def failed(self, error: Exception) -> None:
        """Note that it did not answer."""
        reason, *_ = str(getattr(error, "orig", None) or error).strip().splitlines() or [""]
        self.fault = (
            f"the read replica {self.shown_url} does not answer ({reason}), so the database itself"
            " does: see that it runs, or take database_read_url away"
        )
        if self._failed_at is None:
            log.warning("read replica failed", reason=reason)
        self._failed_at = time.monotonic()

    def head(self) -> str:
        """Return the position in the log up to which the primary has written."""
        with self.primary() as connection:
            return str(connection.scalar(_HEAD))

    def has_all(self, head: str, within: float = 0.0) -> bool:
        """True if the replica has all up to there, now or within so many seconds."""
        ends = time.monotonic() + within
        while (behind := self._behind(head)) is not None and behind > 0:
            if time.monotonic() >= ends:
                return False
            time.sleep(_LOOK_SECONDS)
        return behind is not None

    def look(self) -> None:
        """Raise StorageUnavailable while it does not answer, or is more than a minute behind."""
        now = time.monotonic()
        head, since = self._wanted or (self.head(), now)
        # One position of the primary is watched until the replica has it: that takes as long as it
        # is behind.
        behind = self._behind(head)
        self._wanted = None if behind is not None and behind <= 0 else (head, since)
        if behind is None:
            raise StorageUnavailable(self.fault or f"the read replica {self.shown_url} is silent")
        if self._wanted and now - since > _LONG_BEHIND_SECONDS:
            raise StorageUnavailable(
                f"the read replica {self.shown_url} is {now - since:.0f} seconds behind, and"
                " reports with it: see why it does not follow, or take database_read_url away"
            )

    def close(self) -> None:
        """End every connection."""
        self._engines.close()

    def _behind(self, head: str) -> int | None:
        """Return how many bytes of the log the replica lacks; None if it does not say."""
        with ExitStack() as open_ones:
            connection = self.connected(open_ones)
            if connection is None:
                return None
            try:
                return int(in_time(connection.scalar)(_BEHIND, {"head": head}) or 0)
            except SQLAlchemyError as error:
                self.failed(error)
                return None

    def _check(self, connection: Connection) -> None:
        if self._is_checked:
            return
        with self.primary() as primary:
            wanted = installation_of(primary)
        if wanted is None or in_time(installation_of)(connection) != wanted:
            raise InvalidInput(f"it is no replica of the database: {self.shown_url}")
        self._is_checked = True


class _Reading:
    """A connection that goes on at the primary when the replica fails, statement by statement."""

    def __init__(self, replica: ReadReplica, open_ones: ExitStack) -> None:
        self._replica = replica
        self._open_ones = open_ones
        self._at_replica = replica.connected(open_ones)
        self._at_primary: Connection | None = None

    def __getattr__(self, name: str) -> Any:
        if self._at_replica is None:
            return getattr(self._connection(), name)
        found = getattr(self._at_replica, name)
        if not callable(found):
            return found

        def called(*args: Any, **kwargs: Any) -> Any:
            try:
                return in_time(found)(*args, **kwargs)
            except DataError:  # it would fail anywhere
                raise
            except SQLAlchemyError as error:
                self._replica.failed(error)
                self._at_replica = None
                return getattr(self._connection(), name)(*args, **kwargs)

        return called

    def _connection(self) -> Connection:
        if self._at_primary is None:
            self._at_primary = self._open_ones.enter_context(self._replica.primary())
        return self._at_primary
