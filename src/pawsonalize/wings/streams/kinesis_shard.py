"""One shard as a consumer reads it: waiting records, unstored records, and the next call."""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import structlog

from pawsonalize.domain.errors import needing
from pawsonalize.wings.streams.kinesis_client import FailureKind, KinesisClient, KinesisFailure
from pawsonalize.wings.streams.stream import Record
from pawsonalize.wings.streams.stream_shards import ShardLag

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
_POLL_SECONDS = 0.25  # between two calls where nothing waits
_CALLS, _CALLS_SECONDS = 5, 1.05  # Amazon's limit is five in a second; some may be late
_LEAST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0  # after a first failure, and at most
_SLOW_SECONDS = 2.0  # after so long without an answer the lag is unknown
_MOMENT = "@"  # begins a position that is a moment, in milliseconds since 1970

log = structlog.get_logger()


def parts_of(data: bytes) -> Sequence[bytes] | None:
    """The records that are packed in one; None if it is no such record, or a broken one."""
    if not data.startswith(_MAGIC) or len(data) <= len(_MAGIC) + _DIGEST_BYTES:
        return None
    message, digest = data[len(_MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    with needing("aws", "this stream's records of the Kinesis Producer Library need protobuf"):
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - an extra
    try:
        # One without a part is not what a producer sends; as a whole it is not lost.
        return [one.data for one in _message_class().FromString(message).records] or None
    except DecodeError:
        return None


@cache
def _message_class() -> Any:
    """Return the class, in a pool of its own: other programs describe the message as well."""
    # Format: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415

    of = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="aggregated.proto", syntax="proto2")
    part, whole = file.message_type.add(name="Part"), file.message_type.add(name="Packed")
    for message, name, number, kind, label in (
        (part, "key", 1, of.TYPE_UINT64, of.LABEL_REQUIRED),
        (part, "hash_key", 2, of.TYPE_UINT64, of.LABEL_OPTIONAL),
        (part, "data", 3, of.TYPE_BYTES, of.LABEL_REQUIRED),
        (whole, "keys", 1, of.TYPE_STRING, of.LABEL_REPEATED),
        (whole, "hash_keys", 2, of.TYPE_STRING, of.LABEL_REPEATED),
        (whole, "records", 3, of.TYPE_MESSAGE, of.LABEL_REPEATED),
    ):
        message.field.add(name=name, number=number, type=kind, label=label)
    whole.field[-1].type_name = ".Part"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Packed"))


def moment_as_position(at: int) -> str:
    """The position of the first record that came at the moment, or later."""
    return f"{_MOMENT}{at}"


def _open(client: KinesisClient, shard: str, position: str | None) -> str:
    if position is None:
        return client.iterator(shard, "TRIM_HORIZON")
    if position.startswith(_MOMENT):
        at = int(position.removeprefix(_MOMENT)) / 1000
        return client.iterator(shard, "AT_TIMESTAMP", Timestamp=at)
    return client.iterator(shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=position)


class ShardReader(msgspec.Struct):
    """Reader of one shard. Its calls are made elsewhere; all else is for one thread."""

    shard: str
    stream: str
    position: str | None
    """Start of the next iterator; the record there was read before."""
    answered: float
    """Last answer of Kinesis by the steady clock; at first, the start of reading."""
    due: float = 0.0
    iterator: str | None = None
    # Seconds behind the end of the shard, at the last answer; None before the first.
    behind: float | None = None
    is_calling: bool = False
    is_over: bool = False
    """True if all was read of a shard that was closed."""
    is_leaving: bool = False
    """True if another consumer is to go on."""
    is_missing: bool = False
    """True if Kinesis says that there is no such shard."""
    failure: KinesisFailure | None = None
    """Failure of the last call."""
    size: int = 0
    """Bytes that wait."""
    _failures: int = 0
    _expected: str | None = None
    _waiting: deque[tuple[Record, str | None]] = msgspec.field(default_factory=deque)
    _unstored: dict[str, str | None] = msgspec.field(default_factory=dict)
    _calls: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=_CALLS))

    @property
    def waiting(self) -> int:
        """Number of records that were read and not yet handed on."""
        return len(self._waiting)

    @property
    def is_stored(self) -> bool:
        """True if all that was handed on is stored."""
        return not self._unstored

    @property
    def is_done(self) -> bool:
        """True if the shard is over and all of it stored."""
        return self.is_over and self.is_stored and not self._waiting

    def is_due(self, now: float) -> bool:
        """True if it is time to call."""
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
        return lambda: client.records(iterator or _open(client, shard, position), limit)

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
        # Iterators live for five minutes, so the first time nothing is wrong.
        if failure.trouble is FailureKind.ITERATOR and self._failures == 1:
            self.failure, self.due = None, now
            return
        if failure.trouble is FailureKind.PLACE:
            self.is_missing = self.position is None
            if self.position is not None:
                text = "a stream no longer knows a position: reading from its horizon"
                self._warn(text, self.position)
                self.position = self._expected = None
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
        # What is forgotten here has yet to be read.
        self.is_over = self.is_over and not self._waiting
        self._waiting.clear()
        self.size = 0

    def lag(self, now: float) -> ShardLag:
        """Return the lag."""
        # Kinesis gives no number of messages; at a shard's end it is known.
        if self.behind is None:
            return ShardLag(self.shard, max(now - self.answered, 0.001))
        hangs = self.is_calling and now - self._calls[-1] > _SLOW_SECONDS
        if self.failure is not None or hangs:
            return ShardLag(self.shard, self.behind + now - self.answered)
        waiting = len(self._waiting) + len(self._unstored)
        return ShardLag(self.shard, self.behind, None if self.behind else waiting)

    def _new(self, answered: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Record, str | None]]:
        for each in answered:
            sequence = str(each["SequenceNumber"])
            expected, self._expected = self._expected, None
            self.position = sequence
            # An iterator begins with the record of its position, which was read before.
            if sequence == expected:
                continue
            if expected is not None and not expected.startswith(_MOMENT):
                self._warn("records of a stream may be lost: its retention was over", expected)
            at = each.get("ApproximateArrivalTimestamp")
            arrived = None if at is None else int(at.timestamp() * 1000)
            if (parts := parts_of(each["Data"])) is None:
                yield Record(self.shard, sequence, each["Data"], arrived), sequence
            for index, part in enumerate(parts or ()):  # stored as a whole with its last part
                stored = sequence if index == len(parts or ()) - 1 else None
                yield Record(self.shard, f"{sequence}/{index}", part, arrived), stored

    def _warn(self, text: str, position: str) -> None:
        log.warning(text, stream=self.stream, shard=self.shard, position=position)
