"""The lock that all writers of a PostgreSQL database share, and what a holder that froze loses.

One writer at a time gives offsets in commit order, so a reader that has seen offset n will never
meet a smaller one later. A holder whose machine was stopped, or whose network is cut, would keep
the lock for ever. So PostgreSQL itself ends a write transaction of which nothing comes any more
(ADR 0002).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.storage.contexts import answering

log = structlog.get_logger()

_KEY = 7_291_966
_WAIT_SECONDS = 1.5
"""A request waits so long in all; its answer is due within 2 seconds. Other work tries again."""
_SILENT_SECONDS = {True: 3, False: 7}
"""PostgreSQL ends a write that is silent for so long: True is a request's, False of other work."""
# Evaluated from left to right. The time-out of TCP is for a client that takes in no rows: its
# transaction is not idle then.
_TAKE = text(
    "SELECT set_config('lock_timeout', :wait, true),"
    " set_config('idle_in_transaction_session_timeout', :silent, true),"
    " set_config('tcp_user_timeout', :silent, true),"
    " pg_advisory_xact_lock(:key),"
    " set_config('lock_timeout', '0', true)"
)
# A client that froze between the messages of one statement is not idle in the eyes of PostgreSQL,
# and no time-out of its own ends that. So whoever waits for the lock does.
_END_SILENT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :key"
    " AND datname = current_database() AND wait_event = 'ClientRead'"
    " AND clock_timestamp() - state_change > make_interval(secs => :silent)"
)
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_BUSY = (
    "the database is busy: a server or command has kept the lock of all writers for seconds, or"
    " stands still: send the request again. Nothing of this request was stored"
)


class WriterLock:
    """Lets one transaction at a time write. All processes on all machines share it."""

    def __init__(self) -> None:
        self._thread = threading.Lock()

    @contextmanager
    def only_thread(self, ends: float) -> Iterator[None]:
        """Let one thread of this process at a time wait for the lock; requests wait until `ends`.

        Each further one would keep a connection that reads need.
        """
        if not self._thread.acquire(timeout=ends - time.monotonic() if answering.get() else -1):
            raise StorageUnavailable(_BUSY)
        try:
            yield
        finally:
            self._thread.release()

    def take(self, connection: Connection, ends: float) -> None:
        """Take the lock until the transaction ends; requests wait until `ends`, others for ever."""
        is_awaited = answering.get()
        silent = f"{_SILENT_SECONDS[is_awaited]}s"
        while True:
            wait = max(0.05, ends - time.monotonic()) if is_awaited else _WAIT_SECONDS
            limits = {"wait": f"{wait * 1000:.0f}ms", "silent": silent}
            try:
                connection.execute(_TAKE, {"key": _KEY, **limits})
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
                connection.rollback()
                _end_silent_holder(connection)
                if is_awaited:
                    raise StorageUnavailable(_BUSY) from error
            else:
                return


def until() -> float:
    """Return the moment until which a request that comes now waits, by the steady clock."""
    return time.monotonic() + _WAIT_SECONDS


def _end_silent_holder(connection: Connection) -> None:
    """End the session that has the lock, if nothing has come of it for long."""
    found = {"key": _KEY, "silent": max(_SILENT_SECONDS.values())}
    if connection.scalar(_END_SILENT, found):
        log.warning("ended a session that kept the lock of all writers", seconds=found["silent"])
    connection.rollback()
