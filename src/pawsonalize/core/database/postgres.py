"""PostgreSQL: connections with time-outs, so that a frozen one gives 503, and the writers' lock."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, TypeVar, cast

import psycopg
from psycopg import OperationalError
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from pawsonalize.core.database.statements import answering
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.logs import get_logger

log = get_logger()
T = TypeVar("T")
AnyConnection = psycopg.Connection[Any]
ConnectionT = TypeVar("ConnectionT", bound=AnyConnection)

_ASK_SECONDS = 0.6  # a statement that takes longer makes us ask whether the server lives
_PULSE_SECONDS = 0.4  # so long it has to say so
ANSWER_SECONDS = 120.0
"""A living server has so long for one statement of a request."""
_CONNECT_SECONDS = 0.8
_POOL_SECONDS = 0.8
_RETRY_SECONDS = 0.2
# A machine that vanished answers no probe of the network; a frozen process's machine does.
_NETWORK = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_OTHERS_SECONDS = 3  # where the URL names several servers, a silent one has so long
_LEAST_PATIENT = 2  # connections
SILENT = "the server does not answer"
_KEY = 7_291_966
_LOCK_SECONDS = 1.5
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


# A server that froze keeps its connections and takes new ones. No time-out of its own ends a
# statement then, and none of the system's, so the client must look at the clock.
class Pulse:
    """Tells a frozen server from a slow statement, by a connection of its own."""

    # While the server is silent, one question waits for its answer, so its end is seen at once.

    def __init__(self, connect: Callable[[], AnyConnection]) -> None:
        self._connect = connect
        self.is_silent = False
        self._answered_at = 0.0
        self._requested = threading.Event()
        self._closing = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self) -> float:
        """Ask for a sign of life; returns at once, with the moment."""
        now = time.monotonic()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
                self._thread.start()
        self._requested.set()
        return now

    def answered_since(self, moment: float) -> bool:
        """True if the server gave a sign of life since then."""
        return self._answered_at >= moment

    def note_silence(self) -> None:
        """From now on nobody asks for anything, until the server answers."""
        self.is_silent = True
        self.ask()

    def close(self) -> None:
        """End the thread, unless it waits for a server that is silent."""
        self._closing = True
        self._requested.set()
        if self._thread is not None:
            self._thread.join(_RETRY_SECONDS if self.is_silent else None)

    def _run(self) -> None:
        connection: AnyConnection | None = None
        while self._requested.wait() and not self._closing:
            self._requested.clear()
            try:
                if connection is None:
                    connection = self._connect()
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection = None
                time.sleep(_RETRY_SECONDS)
                # Asked again from here, so that the end of the silence is seen.
                if self.is_silent:
                    self._requested.set()
            else:
                self._answered_at = time.monotonic()
                self.is_silent = False
        if connection is not None:
            connection.close()


def _watched(waiting: Generator[Any, Any, T], look: Callable[[], None]) -> Generator[Any, Any, T]:
    """Drive psycopg's generator; `look` runs, ten times a second, while nothing comes."""
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready:
                look()
            wanted = waiting.send(ready)
    except StopIteration as end:
        return cast(T, end.value)


class _Connection(AnyConnection):
    """A connection that nobody waits for when the server is silent, or another has taken over."""

    pulse: Pulse | None = None
    hosts: "Hosts | None" = None
    longest = ANSWER_SECONDS

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """As psycopg's; it looks ten times a second whether anything came."""
        is_several = self.hosts is not None and self.hosts.are_several
        if self.pulse is not None and (answering.get() or is_several):
            gen = _watched(gen, self._looking(self.pulse, is_awaited=answering.get()))
        return super().wait(gen, *args, **kwargs)

    def _looking(self, pulse: Pulse, *, is_awaited: bool) -> Callable[[], None]:
        began = time.monotonic()
        pulse_at: float | None = None

        def look() -> None:
            nonlocal pulse_at
            now = time.monotonic()
            if now - began > _ASK_SECONDS:
                if pulse_at is None or (not is_awaited and now - pulse_at > _OTHERS_SECONDS):
                    pulse_at = pulse.ask()
                if self.hosts is not None and self.hosts.have_left(self):
                    self._give_up("another server has taken over")
                if is_awaited:
                    self._give_up_if_silent(pulse, pulse_at, now - began)

        return look

    def _give_up_if_silent(self, pulse: Pulse, pulse_at: float, passed: float) -> None:
        if not pulse.is_silent:
            if passed > self.longest:
                self._give_up("the statement took too long")
            if pulse.answered_since(pulse_at) or time.monotonic() - pulse_at < _PULSE_SECONDS:
                return
            pulse.note_silence()
        self._give_up(SILENT)

    def _give_up(self, reason: str) -> NoReturn:
        # What the server makes of the statement, if it goes on, nobody hears: never use it again.
        self.pgconn.finish()
        raise OperationalError(reason)


class _Impatient(AnyConnection):
    """A connection that waits for no answer for long."""

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """As psycopg's, for some seconds."""
        # Another server may have taken over: then this one never answers.
        ends = time.monotonic() + _OTHERS_SECONDS

        def look() -> None:
            if time.monotonic() > ends:
                self.pgconn.finish()
                raise OperationalError(SILENT)

        return super().wait(_watched(gen, look), *args, **kwargs)


class Hosts:
    """The servers of a URL that names several: who answered last is asked first."""

    # A vanished machine refuses nothing, so each connection would wait until it times out.

    def __init__(self, given: Mapping[str, Any]) -> None:
        """`given` is what psycopg gets for the URL."""
        self.are_several = len(_pairs(given)) > 1
        self._last: tuple[str, str] | None = None

    def ordered(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Return the address for psycopg, with the same servers in their order."""
        pairs = _pairs(given)
        if self._last not in pairs[1:]:
            return dict(given)
        first = [self._last, *(pair for pair in pairs if pair != self._last)]
        hosts, ports = zip(*first, strict=True)
        return {**given, "host": ",".join(hosts), "port": ",".join(ports)}

    def note(self, connection: AnyConnection) -> None:
        """Remember who took the connection."""
        self._last = _place(connection)

    def have_left(self, connection: AnyConnection) -> bool:
        """True if another server took the last connection."""
        return self.are_several and self._last != _place(connection)


def _place(connection: AnyConnection) -> tuple[str, str]:
    return connection.info.host, str(connection.info.port)


def _pairs(given: Mapping[str, object]) -> list[tuple[str, str]]:
    hosts = str(given.get("host", "")).split(",")
    ports = str(given.get("port", "") or "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [(host, port or "5432") for host, port in zip(hosts, ports, strict=False)]


# One writer at a time gives offsets in commit order, so a reader that has seen offset n will never
# meet a smaller one later. A holder whose machine was stopped, or whose network is cut, would keep
# the lock for ever. So PostgreSQL itself ends a write transaction of which nothing comes any more
# (ADR 0002).
class _WriterLock:
    """Lets one transaction at a time write. All processes on all machines share it."""

    def __init__(self) -> None:
        self._thread = threading.Lock()

    @contextmanager
    def only_thread(self) -> Iterator[float]:
        """Let one thread of this process at a time wait for the lock.

        Each further one would keep a connection that reads need. Yields the moment until which a
        request that comes now waits, by the steady clock.
        """
        ends = time.monotonic() + _LOCK_SECONDS
        if not self._thread.acquire(timeout=ends - time.monotonic() if answering.get() else -1):
            raise StorageUnavailable(_BUSY)
        try:
            yield ends
        finally:
            self._thread.release()

    def take(self, connection: Connection, ends: float) -> None:
        """Take the lock until the transaction ends; requests wait until `ends`, others for ever."""
        is_awaited = answering.get()
        silent = f"{_SILENT_SECONDS[is_awaited]}s"
        while True:
            wait = max(0.05, ends - time.monotonic()) if is_awaited else _LOCK_SECONDS
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


def _end_silent_holder(connection: Connection) -> None:
    """End the session that has the lock, if nothing has come of it for long."""
    found = {"key": _KEY, "silent": max(_SILENT_SECONDS.values())}
    if connection.scalar(_END_SILENT, found):
        log.warning("ended a session that kept the lock of all writers", seconds=found["silent"])
    connection.rollback()


class PostgresEngines:
    """The connections of requests, and those of all other work; neither waits for the other's."""

    def __init__(self, url: URL, connections: int) -> None:
        """Open at most so many, one to ask whether the server lives."""
        url = url.set(drivername="postgresql+psycopg")
        # One connection is the pulse's; the others are for requests and other work, half each.
        patient = max(_LEAST_PATIENT, (connections - 1) // 2)
        self.patient = self._engine(url, patient, pool_timeout=30.0)
        self.answering = self._engine(url, connections - 1 - patient, pool_timeout=_POOL_SECONDS)
        args, given = self.patient.dialect.create_connect_args(url)
        self._hosts = Hosts(given)
        self.writer_lock = _WriterLock()
        kind = _Impatient if self._hosts.are_several else psycopg.Connection
        limits = {"connect_timeout": _OTHERS_SECONDS} if self._hosts.are_several else {}
        alone = {**given, **limits, "autocommit": True}
        self.pulse = Pulse(partial(self._open, kind, args, alone))
        self._connecting = ThreadPoolExecutor(8, thread_name_prefix="connecting")

    def close(self) -> None:
        """End every connection."""
        self.patient.dispose()
        self.answering.dispose()
        self.pulse.close()
        self._connecting.shutdown(wait=not self.pulse.is_silent, cancel_futures=True)

    def _engine(self, url: URL, connections: int, pool_timeout: float) -> Engine:
        engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=pool_timeout,
            hide_parameters=True,  # they are ids of visitors, and errors are logged
        )
        event.listen(engine, "do_connect", self._connected)
        return engine

    def _connected(
        self, _dialect: object, _record: object, args: list[object], given: dict[str, object]
    ) -> _Connection:
        if not answering.get():
            return self._connect(args, given)
        if self.pulse.is_silent:
            raise OperationalError(SILENT)
        pulse_at = self.pulse.ask()
        # psycopg itself waits for 2 seconds at least.
        connecting = self._connecting.submit(self._connect, args, given)
        try:
            return connecting.result(_CONNECT_SECONDS)
        except NotInTime:
            connecting.add_done_callback(_close_late)
            if not self.pulse.answered_since(pulse_at):
                self.pulse.note_silence()
            raise OperationalError(SILENT) from None

    def _connect(self, args: Sequence[object], given: Mapping[str, object]) -> _Connection:
        connection = self._open(_Connection, args, given)
        connection.pulse, connection.hosts = self.pulse, self._hosts
        connection.longest = ANSWER_SECONDS
        return connection

    def _open(
        self, kind: type[ConnectionT], args: Sequence[Any], given: Mapping[str, Any]
    ) -> ConnectionT:
        connection = kind.connect(*args, **{**_NETWORK, **self._hosts.ordered(given)})
        self._hosts.note(connection)
        return connection


def _close_late(connecting: Any) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()
