"""Connections with time limits for what clients send and read, and a limit of their number."""

import asyncio
from collections.abc import Iterator
from enum import Enum
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from uvicorn.protocols.http import httptools_impl

from pawsonalize.core.http.errors import ErrorAnswer, ErrorDetail
from pawsonalize.core.http.limits import ConnectionLimits
from pawsonalize.core.metrics import CLOSED

_LOOK_SECONDS = 0.5
BYTES_A_SECOND = 16 * 1024
"""Bodies and answers that take long go on at least so fast."""
_GRACE_SECONDS = 1.0  # who connects has so long before it makes room for others
_CLOSING_SECONDS = 5.0  # a connection that does not close by itself is cut off


# uvicorn waits for a head, a body or the reader of an answer for as long as the client likes, and
# keeps every connection. So some thousands of slow ones use up all files that a process may open.
class Waits(Enum):
    """What a connection waits for: all but an answer comes from the client."""

    HEAD = "head"
    BODY = "body"
    IDLE = "idle"
    ANSWER = "answer"
    END = "end"

    __hash__ = object.__hash__  # there is one of each; Enum's own takes ten times as long


# In this order they make room for others: nothing was promised to the first ones.
_MAKE_ROOM = (Waits.END, Waits.HEAD, Waits.IDLE, Waits.BODY)


class Connections:
    """All connections of a worker, by what they wait for; the one that waits longest is first."""

    def __init__(self, limits: ConnectionLimits, most: int) -> None:
        """`most` connections at the same time."""
        self.limits = limits
        self._most = most
        # Dicts keep their order, so the one that waits longest is found at once.
        self._waiting: dict[Waits, dict[_Client, None]] = {one: {} for one in Waits}
        self._unread: dict[Connection, tuple[float, int]] = {}
        self._bodies = 0
        self._looking: asyncio.TimerHandle | None = None

    def add(self, one: "_Client") -> None:
        """Take a new connection; another one makes room for it, or it is refused."""
        self._waiting[one.waits][one] = None
        if self._looking is None:
            self._looking = one.loop.call_later(_LOOK_SECONDS, self._look, one.loop)
        if sum(map(len, self._waiting.values())) > self._most:
            self._make_room(one)

    def move(self, one: "Connection", waits: Waits) -> None:
        """Note that the connection waits for something else, from now on."""
        del self._waiting[one.waits][one]
        self._waiting[waits][one] = None

    def remove(self, one: "_Client") -> None:
        """Forget a connection that was closed."""
        self._waiting[one.waits].pop(one, None)
        if isinstance(one, Connection):
            self._unread.pop(one, None)

    def note_unread(self, one: "Connection", *, unread: bool) -> None:
        """Note whether the client reads an answer more slowly than it is written."""
        if unread:
            self._unread[one] = one.loop.time(), one.transport.get_write_buffer_size()
        else:
            self._unread.pop(one, None)

    def hold(self, one: "Connection", size: int) -> None:
        """Count bytes of a body; if they are too many, the body that takes longest is refused."""
        self._bodies += size
        while self._bodies > self.limits.max_bodies_bytes:
            slowest = next((each for each in self._waiting[Waits.BODY] if each.holds), one)
            slowest.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", _TOO_MANY_BYTES, "bodies")
            if slowest is one:
                return

    def let_go(self, size: int) -> None:
        """Count bytes of bodies as no longer held."""
        self._bodies -= size

    def _make_room(self, new: "_Client") -> None:
        now = new.loop.time()
        slowest = [
            each
            for waits in _MAKE_ROOM
            if (each := next(iter(self._waiting[waits]), None)) is not None and each is not new
        ]
        slowest += [one for one in [next(iter(self._unread), None)] if one is not None]
        for one in slowest:
            if now - one.since > _GRACE_SECONDS:
                one.cut("room")
                return
        if slowest:
            min(slowest, key=lambda one: one.since).cut("room")
        else:
            message = "there are too many connections: connect again in a moment"
            new.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", message, "connections")

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what has taken too long, now and as long as there are connections."""
        now = loop.time()
        for one in list(self._overdue(now)):
            one.end_overdue()
        open_ones = any(self._waiting.values())
        self._looking = loop.call_later(_LOOK_SECONDS, self._look, loop) if open_ones else None

    def _overdue(self, now: float) -> Iterator["_Client"]:
        for waits, seconds in (
            (Waits.HEAD, self.limits.header_seconds),
            (Waits.IDLE, self.limits.idle_seconds + _CLOSING_SECONDS),  # uvicorn closes before
            (Waits.END, _CLOSING_SECONDS),
        ):
            for one in self._waiting[waits]:
                if now - one.since <= seconds:
                    break  # the others began later
                yield one
        seconds = self.limits.body_seconds
        for one in self._waiting[Waits.BODY]:
            if now - one.since > seconds and not one.is_fast_enough(now):
                yield one
        for one, (since, before) in list(self._unread.items()):
            if now - since > seconds:
                left = one.transport.get_write_buffer_size()
                self._unread[one] = now, left
                if before - left < seconds * BYTES_A_SECOND:
                    yield one


class _Client(Protocol):
    """Any connection, also one that begins with a TLS handshake: see `Connection`."""

    waits: Waits
    since: float  # when it began to wait for what it waits for
    received: int
    holds: int  # bytes of bodies that it holds
    loop: asyncio.AbstractEventLoop

    def is_fast_enough(self, now: float) -> bool: ...
    def end_overdue(self) -> None: ...
    def cut(self, reason: str) -> None: ...
    def refuse(self, status: HTTPStatus, code: str, message: str, reason: str, /) -> None: ...


_TOO_MANY_BYTES = "too many requests are being received: send it again in a moment"


class Connection(httptools_impl.HttpToolsProtocol):
    """One connection of a client, as uvicorn has it, and what it waits for."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = connections
        self.waits = Waits.HEAD
        self.since = 0.0
        self.received = 0
        self.holds = 0
        self._head = 0
        self._unparsed = 0
        self._answered: httptools_impl.RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.since = self.loop.time()
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._let_go()
        self._all.remove(self)

    def data_received(self, data: bytes) -> None:
        """Parse, unless the request was refused."""
        # What still comes of a refused one is thrown away.
        if self.waits is Waits.END:
            return
        before = self.since
        super().data_received(data)
        # The parser tells of a header only when it is whole. What came before this head counts not.
        if self.waits is Waits.HEAD and self.since == before:
            self._unparsed += len(data)
            self._check_head()

    def on_message_begin(self) -> None:
        """Begin to measure the head of a request."""
        super().on_message_begin()
        self._head = self._unparsed = 0
        if self.waits is not Waits.END:  # else it came in one piece with what was refused
            self._wait_for(Waits.HEAD)

    def on_url(self, url: bytes) -> None:
        """Count the bytes of the path."""
        super().on_url(url)
        self._head += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the bytes of the header."""
        super().on_header(name, value)
        self._head += len(name) + len(value) + len(": \r\n")

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is too long."""
        self._check_head()
        if self.waits is not Waits.END:
            self.received = 0
            self._wait_for(Waits.BODY)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; nobody holds it if the answer was given already."""
        if self.waits is Waits.END:
            return
        if not self.cycle.response_complete:
            self.received += len(body)
            self.holds += len(body)
            self._all.hold(self, len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the answer, as the whole request has arrived."""
        if self.waits is Waits.END:
            return
        super().on_message_complete()
        self._wait_for(Waits.IDLE if self.cycle.response_complete else Waits.ANSWER)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for what is left of this one's body."""
        has_next = bool(self.pipeline)
        super().on_response_complete()
        if has_next or self.waits is Waits.END:
            return
        self._let_go()
        if self.waits is Waits.ANSWER:
            self._wait_for(Waits.IDLE)
        elif self.waits is Waits.BODY:  # what still comes of it is thrown away, and is not counted
            self.is_fast_enough(self.loop.time())

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no HTTP."""
        if self.waits is not Waits.END:
            self.refuse(HTTPStatus.BAD_REQUEST, "bad_request", msg, "no HTTP")

    def _start_asgi_task(self, cycle: httptools_impl.RequestResponseCycle, app: Any) -> None:
        self._answered = cycle  # uvicorn's own `cycle` is the one that is received
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Note that the client does not read its answer as fast as it is written."""
        super().pause_writing()
        self._all.note_unread(self, unread=True)

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        super().resume_writing()
        self._all.note_unread(self, unread=False)

    def is_fast_enough(self, now: float) -> bool:
        """True if the body came at 16 KiB/s or more since the last look; counts anew from `now`."""
        enough = self.received >= (now - self.since) * BYTES_A_SECOND
        self.since, self.received = now, 0
        return enough

    def end_overdue(self) -> None:
        """End a connection whose time is over: with an error if a request was begun, else cut."""
        if self.waits in {Waits.IDLE, Waits.END} or self.transport.get_write_buffer_size():
            self.cut(self.waits.value)
        # Who sent nothing asked nothing, so no error is answered.
        elif self.waits is Waits.HEAD and not self._head:
            self.cut("silent")
        else:
            message = f"the {self.waits.value} of the request took too long to arrive"
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, "too_slow", message, self.waits.value)

    def cut(self, reason: str) -> None:
        """Abort the connection without an answer, and count it under the reason."""
        if self.waits is not Waits.END:  # else it was counted
            CLOSED.labels(reason).inc()
        self._all.remove(self)
        self.waits = Waits.END
        self._let_go()
        self.transport.abort()

    def refuse(self, status: HTTPStatus, code: str, message: str, reason: str, /) -> None:
        """Answer the request under way with an error, if nothing was answered yet, and close."""
        if self.transport.is_closing():
            self.cut(reason)
            return
        CLOSED.labels(reason).inc()
        received = self.cycle if self.waits is Waits.BODY else None
        self._wait_for(Waits.END)
        self._let_go()
        # To close with something unread would take the answer back, so that is read and forgotten.
        self.flow.resume_reading()
        answered = self._answered
        if answered is not None and not answered.response_complete and answered is not received:
            answered.keep_alive = False  # an earlier request: with its answer, the connection ends
            self.pipeline.clear()
            return
        if received is not None:
            received.disconnected = True  # whoever answers it answers nobody
            received.waiting_for_100_continue = False
            received.message_event.set()
        if received is None or not received.response_started or received.response_complete:
            self.transport.write(self._error(status, code, message))
        # Half closed, so that the client can read the error before the connection ends.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.loop.call_later(_GRACE_SECONDS, self.transport.close)

    def _error(self, status: HTTPStatus, code: str, message: str) -> bytes:
        body = msgspec.json.encode(ErrorAnswer(ErrorDetail(code, message)))
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"1"),
            (b"connection", b"close"),
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return httptools_impl.STATUS_LINE[status] + lines + b"\r\n" + body

    def _check_head(self) -> None:
        most = self._all.limits.max_header_bytes
        if max(self._head, self._unparsed) > most and self.waits is not Waits.END:
            message = f"the head of a request may have {most:,} bytes: send less in its headers"
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.refuse(status, "head_too_large", message, "long head")

    def _wait_for(self, waits: Waits) -> None:
        self._all.move(self, waits)
        self.waits = waits
        self.since = self.loop.time()

    def _let_go(self) -> None:
        if self.holds:
            self._all.let_go(self.holds)
            self.holds = 0
