"""Sends events from a file to a stream, or to a service's /v1/events."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import islice
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from pawsonalize.app.ports import PRODUCER
from pawsonalize.core.errors import InvalidInput, StreamUnavailable
from pawsonalize.core.plugin import how_to_install
from pawsonalize.events.event_form import single

_BATCH = 50
_STREAM_BATCH = 1_000  # one call to a broker has many users, and each of them once
_PARTS_OF_A_SECOND = 5
_TRIES = 8  # with the pauses between: three quarters of a minute
_LONGEST_PAUSE = 10.0
# What may pass by itself: the same batch is sent again.
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class Outgoing(msgspec.Struct, frozen=True):
    """A record to be put into a stream."""

    key: str
    """Records of the same key stay in order: the user, or the session."""
    data: bytes
    event_id: str | None = None
    """A stream that can takes a record of an id once."""


class Producer(Protocol):
    """Puts records into a stream."""

    def put(self, records: Sequence[Outgoing]) -> None:
        """Put all of them, in order for each key; the stream has acknowledged them on return."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class _Peek(msgspec.Struct, frozen=True, rename="camel"):
    user_id: str | int | None = None
    session_id: str | int | None = None
    event_id: str | int | None = None


_PEEK = msgspec.json.Decoder(_Peek)


def outgoing(line: bytes) -> Outgoing:
    """Return a line of a file as a record: its key is the user, or else the session."""
    # What is no event is sent as it is: the other end says what is wrong with it.
    ids = _Peek()
    with suppress(InvalidInput, msgspec.MsgspecError):
        ids = _PEEK.decode(single(line).event)
    user = ids.session_id if ids.user_id is None else ids.user_id
    key = "none" if user is None else str(user)
    return Outgoing(key, line, None if ids.event_id is None else str(ids.event_id))


class Sent(msgspec.Struct):
    """Numbers of events that were sent, and that the service refused."""

    events: int = 0
    refused: int = 0
    reasons: list[str] = msgspec.field(default_factory=list)
    """Some of the reasons."""
    warnings: dict[str, None] = msgspec.field(default_factory=dict)
    """Warnings about events that the service accepted, each once."""


class Sender:
    """Sends in batches, not faster than `rate` events a second; 0: as fast as it goes."""

    def __init__(self, url: str, *, key: str = "", rate: float = 0, create: bool = False) -> None:
        self.sent = Sent()
        self._rate, self._create = rate, create
        is_service = urlsplit(url).scheme in {"http", "https"}
        self._create &= not is_service
        self._to = _Service(url, key, self.sent) if is_service else _producer(url, create)
        most = _BATCH if is_service else _STREAM_BATCH
        self._batch = min(most, max(1, int(rate / _PARTS_OF_A_SECOND))) if rate else most

    def send(self, lines: Iterable[bytes]) -> Iterator[int]:
        """Send the lines; yields how many were sent so far, after each batch."""
        # A stream that shall be made is there afterwards, even if there were no lines.
        began = time.monotonic()
        records = (outgoing(line.strip()) for line in lines if line.strip())
        while batch := list(islice(records, self._batch)):
            self._to.put(batch)
            self.sent.events += len(batch)
            yield self.sent.events
            if self._rate:
                early = self.sent.events / self._rate - (time.monotonic() - began)
                time.sleep(max(0.0, early))
        if self._create and not self.sent.events:
            self._to.put([])

    def close(self) -> None:
        """Let the connection go."""
        self._to.close()


def _producer(url: str, create: bool) -> Producer:
    producer = PRODUCER(url, create)
    if producer is None:
        raise InvalidInput(
            f"{url} is no service: name one, such as http://127.0.0.1:8080. To write to a stream,"
            f" {how_to_install('streams')}",
            field="to",
        )
    return producer


class _Service:
    """`Producer` over a service's /v1/events."""

    def __init__(self, url: str, key: str, sent: Sent) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.netloc.rpartition("@")[2], timeout=30)
        self._path = (parts.path.rstrip("/").removesuffix("/v1/events")) + "/v1/events"
        if parts.query:
            self._path += f"?{parts.query}"
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        # Without a password, as errors show it.
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._sent = sent

    def put(self, records: Iterable[Outgoing]) -> None:
        """See `Producer.put`."""
        # What the service refuses is counted, and sent no more.
        body = b"[" + b",".join(_as_json(one.data) for one in records) + b"]"
        pause = 0.5
        for _ in range(_TRIES):
            status, answer, after = self._post(body)
            if status not in _BUSY:
                break
            # The service knows best how long it will be busy.
            time.sleep(min(after or pause, _LONGEST_PAUSE))
            pause *= 2
        self._sent.warnings |= dict.fromkeys(one["message"] for one in answer.get("warnings", ()))
        if "rejected" in answer:
            rejected = answer["rejected"]
            self._sent.refused += len(rejected)
            self._sent.reasons += [one["message"] for one in rejected[:3]]
        elif status not in {200, 202}:
            reason = answer.get("error", {}).get("message", f"it answered {status}")
            raise StreamUnavailable(f"{self._where} takes no events: {reason}")

    def _post(self, body: bytes) -> tuple[int, dict[str, Any], float]:
        """Post; returns status (503 if unreachable), JSON object, and seconds of Retry-After."""
        try:
            self._connection.request("POST", self._path, body, self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self._connection.close()  # the next try opens another one
            return 503, {"error": {"message": "it cannot be reached"}}, 0.0
        report: Any = {}
        with suppress(ValueError):
            report = json.loads(content)
        # It may also be a date, which this service never sends.
        after = answer.headers.get("Retry-After", "")
        is_object = isinstance(report, dict)
        return answer.status, report if is_object else {}, float(after) if after.isdigit() else 0.0

    def close(self) -> None:
        """See `Producer.close`."""
        self._connection.close()


def _as_json(line: bytes) -> bytes:
    """The line, or a JSON string that holds it if it is no JSON itself."""
    # So a line of anything else breaks no other.
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.encode(line.decode("utf-8", "backslashreplace"))
    return line
