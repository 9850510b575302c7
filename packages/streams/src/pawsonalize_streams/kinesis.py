"""Amazon Kinesis as a stream: shards leased in the tables, positions noted beside the leases.

A consumer reads a shard as waiting records, unstored records, and the next call.
"""

import hashlib
import queue
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeVar

import msgspec

from pawsonalize.core.errors import InvalidInput, PawsonalizeError, needing
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import iso
from pawsonalize_streams.kinesis_client import FailureKind, KinesisClient, KinesisFailure, ShardList
from pawsonalize_streams.stream import Record, StreamAddress
from pawsonalize_streams.stream_shards import ShardLag, ShardLeases

_MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
_POLL_SECONDS = 0.25  # between two calls where nothing waits
_CALLS, _CALLS_SECONDS = 5, 1.05  # Amazon's limit is five in a second; some may be late
_LEAST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0  # after a first failure, and at most
_SLOW_SECONDS = 2.0  # after so long without an answer the lag is unknown
_MOMENT = "@"  # begins a position that is a moment, in milliseconds since 1970

log = get_logger()


def parts_of(data: bytes) -> Sequence[bytes] | None:
    """The records that are packed in one; None if it is no such record, or a broken one."""
    if not data.startswith(_MAGIC) or len(data) <= len(_MAGIC) + _DIGEST_BYTES:
        return None
    message, digest = data[len(_MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        return None
    with needing("kinesis", "this stream's records of the Kinesis Producer Library need protobuf"):
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
    ) -> Callable[[], Mapping[str, object]]:
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


_THREADS = 16
_LEAST_AHEAD = 1_000  # records: a shard may be called only 5 times a second
_MOST_BYTES = 32 * 1024 * 1024  # that wait; calls under way bring up to 10 MiB each
_MOST_RECORDS = 10_000  # Amazon's limit for one answer
_PATIENCE_SECONDS = 15
_LIST_SECONDS = 30.0
_TICK_SECONDS = 0.05
_T = TypeVar("_T")


# Nobody waits for a call that hangs: neither `close`, nor the end of the process.
class SideCalls:
    """Threads that make slow calls; results are dealt with in the owner's thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._started = 0
        self._going = 0
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    @property
    def free(self) -> int:
        """Number of calls that would begin at once."""
        return self._threads - self._going

    def start(self, call: Callable[[], _T], then: Callable[[_T | Exception], None]) -> None:
        """Make a call; `settle` gives what it returned or raised to `then`."""

        def run() -> None:
            try:
                result: _T | Exception = call()
            except Exception as error:  # noqa: BLE001 - raised where it is dealt with
                result = error
            self._results.put(lambda: then(result))

        self._going += 1
        if self._started < self._threads and self._going > self._started:
            self._started += 1
            threading.Thread(target=self._work, daemon=True).start()
        self._calls.put(run)

    def settle(self, wait: float) -> None:
        """Deal with the calls that are done; if none is, wait for one up to `wait` seconds."""
        while True:
            try:
                then = self._results.get(timeout=wait) if wait > 0 else self._results.get_nowait()
            except queue.Empty:
                return
            self._going -= 1
            wait = 0
            then()

    def close(self) -> None:
        """End the threads, each after the call that it makes; results are dropped."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


class KinesisStream:
    """`Stream` of Amazon Kinesis. Calls are made in threads beside; all state is the reader's."""

    def __init__(self, address: StreamAddress, leases: ShardLeases, now: Callable[[], int]) -> None:
        """Read `kinesis://NAME?region=…&from=…`; needs the extra `kinesis`."""
        self._start = _start(address, now)
        self._now = now
        self._stream = address.shown
        self._leases = leases
        self._steady = leases.steady
        self._client = KinesisClient(address, _THREADS, _PATIENCE_SECONDS)
        self._calls = SideCalls(_THREADS)
        self._readers: dict[str, ShardReader] = {}
        self._parents: Mapping[str, Sequence[str]] | None = None
        self._ended: dict[str, float] = {}
        self._list_due = 0.0
        self._is_listing = False
        self._list_error: PawsonalizeError | None = None
        self._look_now = True
        self._may_be_another = True

    def read(self, limit: int, wait: float) -> Sequence[Record]:
        """See `Stream.read`."""
        # Raises only where nothing can be had from any shard.
        until = self._steady() + wait
        if self._parents is None:
            self._list_first()
        while True:
            self._calls.settle(0)
            self._maintain()
            self._call(limit)
            if records := self._take(limit):
                self._call(limit)  # while these are stored
                return records
            left = until - self._steady()
            if left <= 0:
                break
            self._calls.settle(min(left, _TICK_SECONDS))
        if error := self._error():
            raise error
        return ()

    def acknowledge(self, records: Sequence[Record]) -> None:
        """See `Stream.acknowledge`."""
        last = {record.shard: record.sequence for record in records}
        for shard, sequence in last.items():
            reader = self._readers.get(shard)
            if reader is not None and (position := reader.stored(sequence)) is not None:
                self._leases.note(shard, position)
        self._finish()
        if self._leases.is_due:
            self._maintain()

    def lag(self) -> Sequence[ShardLag]:
        """See `Stream.lag`."""
        # A shard that ended counts until those that follow it are known.
        now = self._steady()
        # Never 0, as there may be more in the shards that follow.
        over = [ShardLag(shard, now - at + 0.001) for shard, at in self._ended.items()]
        return [*(reader.lag(now) for reader in self._readers.values()), *over]

    def close(self) -> None:
        """See `Stream.close`."""
        # Calls under way are left to themselves.
        self._calls.close()
        self._readers.clear()
        try:
            self._leases.release()
        finally:
            self._client.close()

    def _list_first(self) -> None:
        try:  # in this thread: no lease can be lost yet, and there is nothing else to do
            listed = self._client.shards()
        except KinesisFailure as failure:
            raise failure.error from failure
        if self._start is not None and not self._start:
            self._start = moment_as_position(listed.at or self._now())
        self._listed(listed)

    def _list(self) -> None:
        self._is_listing = True
        begun = self._steady()

        def then(result: ShardList | Exception) -> None:
            self._is_listing = False
            if isinstance(result, ShardList):
                self._ended = {one: at for one, at in self._ended.items() if at > begun}
                self._listed(result)
            else:
                self._not_listed(result)

        self._calls.start(self._client.shards, then)

    def _listed(self, listed: ShardList) -> None:
        if self._may_be_another:
            self._forget_namesakes(listed)
            self._may_be_another = False
        self._parents = listed.parents
        self._list_error = None
        self._list_due = 0.0 if self._ended else self._steady() + _LIST_SECONDS
        self._look_now = True
        for reader in [one for one in self._readers.values() if one.is_missing]:
            reader.is_missing = False
            if reader.shard not in listed.parents and reader.is_stored and not reader.waiting:
                text = "a shard of a stream is gone: its retention was over"
                log.warning(text, stream=self._stream, shard=reader.shard)
                self._leases.end(reader.shard)
                del self._readers[reader.shard]

    def _not_listed(self, error: Exception) -> None:
        if not isinstance(error, KinesisFailure):
            raise error
        self._list_due = self._steady() + 1
        if error.trouble not in (FailureKind.BUSY, FailureKind.AWAY):
            self._list_error = error.error
            # A stream that is gone may come back by its name as another one.
            self._may_be_another = True

    def _forget_namesakes(self, listed: ShardList) -> None:
        # A shard that is over and yet open: the stream was deleted, and made anew by its name.
        for row in self._leases.table.all():
            begin = listed.begins.get(row.shard)
            if begin is None or not row.is_ended:
                continue
            if row.position is None or not row.position.isdigit() or int(row.position) < begin:
                text = "a stream was made anew: a shard of its is read from the beginning"
                log.warning(text, stream=self._stream, shard=row.shard)
                self._leases.table.forget(row.shard)

    def _maintain(self) -> None:
        if not self._is_listing and self._steady() >= self._list_due:
            self._list()
        if not (self._look_now or self._leases.is_due) or self._parents is None:
            return
        self._leases.look(self._parents, self.lag(), self._start)
        self._look_now = False
        held = self._leases.held
        self._readers = {one: reader for one, reader in self._readers.items() if one in held}
        now = self._steady()
        for shard, row in held.items():
            reader = self._readers.get(shard)
            if reader is None or (reader.is_leaving and row.wanted_by is None):
                self._readers[shard] = ShardReader(shard, self._stream, row.position, now)
        for shard in self._leases.leaving:
            self._readers[shard].leave()
        self._finish()

    def _finish(self) -> None:
        for shard in self._leases.leaving:
            if self._readers[shard].is_stored and not self._readers[shard].is_done:
                self._leases.hand_over(shard)
                del self._readers[shard]
        for reader in [one for one in self._readers.values() if one.is_done]:
            self._leases.end(reader.shard)
            del self._readers[reader.shard]
            self._ended[reader.shard] = self._steady()
            self._list_due, self._look_now = 0.0, True

    def _call(self, limit: int) -> None:
        now = self._steady()
        readers = self._readers.values()
        if any(one.is_missing for one in readers):
            self._list_due = min(self._list_due, now)
        room = max(limit, _LEAST_AHEAD) - sum(one.waiting for one in readers)
        due = sorted((one for one in readers if one.is_due(now)), key=lambda one: one.due)
        if room <= 0 or not due or sum(one.size for one in readers) > _MOST_BYTES:
            return
        share = min(_MOST_RECORDS, max(1, room // len(due)))
        for reader in due[: min(self._calls.free, room)]:
            call = reader.call(self._client, share, now)
            self._calls.start(call, partial(self._answered, reader))

    def _answered(self, reader: ShardReader, result: Mapping[str, object] | Exception) -> None:
        # The shard was given up meanwhile, or is read anew.
        if self._readers.get(reader.shard) is not reader:
            return
        if isinstance(result, KinesisFailure):
            reader.failed(result, self._steady())
        elif isinstance(result, Exception):
            reader.is_calling = False
            raise result
        else:
            reader.took(result, self._steady())
            self._finish()

    def _take(self, limit: int) -> list[Record]:
        records: list[Record] = []
        for shard in [one for one, reader in self._readers.items() if reader.waiting]:
            if len(records) >= limit:
                break
            reader = self._readers[shard] = self._readers.pop(shard)  # last in the next turn
            records += reader.hand_on(limit - len(records))
        return records

    def _error(self) -> PawsonalizeError | None:
        if self._list_error is not None:
            return self._list_error
        failures = [reader.failure for reader in self._readers.values()]
        passing = (FailureKind.BUSY, FailureKind.PLACE)
        # While one shard can be read, the others are tried again in silence.
        lasting = [one for one in failures if one and one.trouble not in passing]
        return lasting[0].error if lasting and len(lasting) == len(failures) else None


def _start(address: StreamAddress, now: Callable[[], int]) -> str | None:
    # None is the horizon; an empty text is replaced by the moment of the first listing.
    start = address.start
    if not isinstance(start, int):
        return None if start == "all" else ""
    if start > now():
        raise InvalidInput(f"from in {address.shown} is a moment to come: {iso(start)}")
    return moment_as_position(start)
