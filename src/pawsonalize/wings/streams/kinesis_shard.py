"""One shard as a consumer reads it: what it brought, what of that is stored, when to call again."""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import structlog

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.wings.streams.kinesis_client import FailureKind, KinesisClient, KinesisFailure
from pawsonalize.wings.streams.stream import Record
from pawsonalize.wings.streams.stream_shards import ShardLag

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16


def parts_of(data: bytes) -> Sequence[bytes] | None:
    """The records that are packed in one; None if it is no such record, or a broken one."""
    if not data.startswith(_MAGIC) or len(data) <= len(_MAGIC) + _DIGEST_BYTES:
        return None
    message, digest = data[len(_MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    return _reader()(message)


@cache
def _reader() -> Callable[[bytes], Sequence[bytes] | None]:
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "this stream has records of the Kinesis Producer Library: to read them,"
            " pip install 'pawsonalize[aws]'"
        ) from error
    packed = _message_class()

    def read(message: bytes) -> Sequence[bytes] | None:
        try:
            # One without a part is not what a producer sends; as a whole it is not lost.
            return [one.data for one in packed.FromString(message).records] or None
        except DecodeError:
            return None

    return read


def _message_class() -> Any:
    """The class of the message, in a pool of its own: other programs describe it as well."""
    from google.protobuf import (  # noqa: PLC0415 - an extra
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="aggregated.proto", syntax="proto2")
    part = file.message_type.add(name="Part")
    part.field.add(name="key", number=1, type=field.TYPE_UINT64, label=field.LABEL_REQUIRED)
    part.field.add(name="hash_key", number=2, type=field.TYPE_UINT64, label=field.LABEL_OPTIONAL)
    part.field.add(name="data", number=3, type=field.TYPE_BYTES, label=field.LABEL_REQUIRED)
    whole = file.message_type.add(name="Packed")
    for number, name in enumerate(("keys", "hash_keys"), start=1):
        whole.field.add(
            name=name, number=number, type=field.TYPE_STRING, label=field.LABEL_REPEATED
        )
    whole.field.add(
        name="records",
        number=3,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".Part",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Packed"))


_POLL_SECONDS = 0.25
"""Between two calls where nothing waits."""
_CALLS, _CALLS_SECONDS = 5, 1.05
"""Amazon's limit for a shard is five in a second; some may be late on their way."""
_LEAST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
"""After a first failure, and at most; in seconds."""
_SLOW_SECONDS = 2.0
"""After so long without an answer nobody knows how far behind we are."""
_MOMENT = "@"
"""A position that begins with it is a moment, in milliseconds since 1970."""

log = structlog.get_logger()


def moment_as_position(at: int) -> str:
    """The position of the first record that came at the moment, or later."""
    return f"{_MOMENT}{at}"


def _open(client: KinesisClient, shard: str, position: str | None) -> str:
    """An iterator that begins with the record at the position."""
    if position is None:
        return client.iterator(shard, "TRIM_HORIZON")
    if position.startswith(_MOMENT):
        at = int(position.removeprefix(_MOMENT)) / 1000
        return client.iterator(shard, "AT_TIMESTAMP", Timestamp=at)
    return client.iterator(shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=position)


@dataclass(slots=True)
class ShardReader:
    """Where one shard is read. Its calls are made elsewhere; all else is for one thread."""

    shard: str
    stream: str
    """For log lines."""
    position: str | None
    """Where the next iterator begins; the record there was read before."""
    answered: float
    """When Kinesis last answered, by the steady clock; at first, when reading began."""
    due: float = 0.0
    """When to call next."""
    iterator: str | None = None
    behind: float | None = None
    """Seconds behind the end of the shard, at the last answer; None before the first."""
    is_calling: bool = False
    is_over: bool = False
    """Whether all was read of a shard that was closed."""
    is_leaving: bool = False
    """Whether another consumer is to go on."""
    is_missing: bool = False
    """Whether Kinesis said that there is no such shard."""
    failure: KinesisFailure | None = None
    """Why the last call failed, if it did."""
    size: int = 0
    """Bytes of what waits."""
    _failures: int = 0
    _expected: str | None = None
    _waiting: deque[tuple[Record, str | None]] = field(default_factory=deque)
    _unstored: dict[str, str | None] = field(default_factory=dict)
    _calls: deque[float] = field(default_factory=lambda: deque(maxlen=_CALLS))

    @property
    def waiting(self) -> int:
        """How many records were read and not yet handed on."""
        return len(self._waiting)

    @property
    def is_stored(self) -> bool:
        """Whether all that was handed on is stored."""
        return not self._unstored

    @property
    def is_done(self) -> bool:
        """Whether the shard is over and all of it stored."""
        return self.is_over and self.is_stored and not self._waiting

    def is_due(self, now: float) -> bool:
        """Whether to call now."""
        over = self.is_over or self.is_leaving or self.is_missing
        return not (over or self.is_calling or self._waiting) and self.due <= now

    def call(
        self, client: KinesisClient, limit: int, now: float
    ) -> Callable[[], Mapping[str, Any]]:
        """The next call, to be made in any thread; then `took` or `failed` is due."""
        shard, position, iterator = self.shard, self.position, self.iterator
        if iterator is None:
            self._expected = position
        self.is_calling = True
        self._calls.append(now)

        def get() -> Mapping[str, Any]:
            return client.records(iterator or _open(client, shard, position), limit)

        return get

    def took(self, answer: Mapping[str, Any], now: float) -> None:
        """Keep what a call brought."""
        self.is_calling, self.failure, self._failures = False, None, 0
        self.answered = now
        self.iterator = answer.get("NextShardIterator")
        self.is_over = self.iterator is None
        self.behind = 0.0 if self.is_over else answer.get("MillisBehindLatest", 0) / 1000
        for record, stored in self._new(answer["Records"]):
            self._waiting.append((record, stored))
            self.size += len(record.data)
        if self.is_leaving:
            self.leave()
        self.due = self._calls[0] + _CALLS_SECONDS if len(self._calls) == _CALLS else now
        if not self.behind:
            self.due = max(self.due, now + _POLL_SECONDS)

    def failed(self, failure: KinesisFailure, now: float) -> None:
        """Decide when, and where, to try again."""
        self.is_calling, self.iterator, self.failure = False, None, failure
        self._failures += 1
        if failure.trouble is FailureKind.ITERATOR and self._failures == 1:
            self.failure, self.due = None, now
            return
        if failure.trouble is FailureKind.PLACE:
            self._lose_place()
        pause = min(_LONGEST_PAUSE, _LEAST_PAUSE * 2 ** min(self._failures - 1, 10))
        self.due = now + pause * random.uniform(0.5, 1)  # noqa: S311 - spreads calls, guards nothing

    def hand_on(self, limit: int) -> Iterator[Record]:
        """The next records; they are unstored from now on."""
        for _ in range(min(limit, len(self._waiting))):
            record, stored = self._waiting.popleft()
            self.size -= len(record.data)
            self._unstored[record.sequence] = stored
            yield record

    def stored(self, sequence: str) -> str | None:
        """Note that all through a record is stored; returns the position, if there is a new one."""
        position = None
        if sequence in self._unstored:
            while True:
                first = next(iter(self._unstored))
                position = self._unstored.pop(first) or position
                if first == sequence:
                    break
        return position

    def leave(self) -> None:
        """Read no further, and forget what was not handed on: another consumer will read it."""
        self.is_leaving = True
        self.is_over = self.is_over and not self._waiting
        self._waiting.clear()
        self.size = 0

    def lag(self, now: float) -> ShardLag:
        """How far behind we are. Kinesis tells no number; at a shard's end we know it."""
        if self.behind is None:
            return ShardLag(self.shard, max(now - self.answered, 0.001))
        hangs = self.is_calling and now - self._calls[-1] > _SLOW_SECONDS
        if self.failure is not None or hangs:
            return ShardLag(self.shard, self.behind + now - self.answered)
        waiting = len(self._waiting) + len(self._unstored)
        return ShardLag(self.shard, self.behind, None if self.behind else waiting)

    def _new(self, answered: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Record, str | None]]:
        """The records of an answer, each with the position once it is stored."""
        for each in answered:
            sequence = str(each["SequenceNumber"])
            expected, self._expected = self._expected, None
            self.position = sequence
            if sequence == expected:
                continue
            if expected is not None and not expected.startswith(_MOMENT):
                self._warn("records of a stream may be lost: its retention was over", expected)
            at = each.get("ApproximateArrivalTimestamp")
            arrived = None if at is None else int(at.timestamp() * 1000)
            yield from _records(self.shard, sequence, each["Data"], arrived)

    def _lose_place(self) -> None:
        if self.position is None:
            self.is_missing = True
            return
        self._warn("a stream no longer knows a position: reading from its horizon", self.position)
        self.position = self._expected = None

    def _warn(self, told: str, position: str) -> None:
        log.warning(told, stream=self.stream, shard=self.shard, position=position)


def _records(
    shard: str, sequence: str, data: bytes, arrived: int | None
) -> Iterator[tuple[Record, str | None]]:
    parts = parts_of(data)
    if parts is None:
        yield Record(shard, sequence, data, arrived), sequence
        return
    last = len(parts) - 1
    for index, part in enumerate(parts):
        stored = sequence if index == last else None
        yield Record(shard, f"{sequence}/{index}", part, arrived), stored
