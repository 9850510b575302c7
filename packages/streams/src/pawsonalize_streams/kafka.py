"""Kafka: a consumer group reads a topic's partitions, and the group's offsets are the positions."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.errors import InvalidInput, PawsonalizeError, StreamUnavailable, needing
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND
from pawsonalize_streams.stream import Record, StreamAddress
from pawsonalize_streams.stream_shards import ShardLag, ShardTable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

_LOG = get_logger()
PATIENCE_SECONDS = 60.0
_API_SECONDS = 3.0
_PUT_SECONDS = 30.0
_CLOSE_SECONDS = 1.8
_GIVE_BACK_SECONDS = 1.5


class _Place(msgspec.Struct):
    next: int | None = None  # offset that comes next, if known
    last_at: int | None = None  # arrival at the topic of the record that was read last
    unstored: deque[int] = msgspec.field(default_factory=deque)
    """Offsets that were read and not acknowledged."""
    stored: int | None = None  # offset that was acknowledged last
    # False if the client delivers nothing, since the place to read on is unknown.
    is_started: bool = True


class _Kafka:
    """The client library, and the errors that it reports by the way."""

    def __init__(self, address: StreamAddress) -> None:
        with needing("kafka", f"{address.shown} needs confluent-kafka"):
            import confluent_kafka  # noqa: PLC0415 - an extra
        self.library = confluent_kafka
        self._shown = address.shown
        self.trouble: PawsonalizeError | None = None
        user, _, password = address.login.partition(":")
        login = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
        login |= {"sasl.username": user, "sasl.password": password}
        self.settings: dict[str, object] = {
            "bootstrap.servers": address.host,
            "client.id": "pawsonalize",
            "error_cb": self._hear,
            "log_level": 0,  # it writes to stderr; what matters comes as an error
            "reconnect.backoff.max.ms": 1000,
            "socket.timeout.ms": 10_000,  # no call waits for a broker that is gone for longer
            **(login if user else {}),
        }

    def note(self, error: "KafkaError") -> None:
        """Keep what went wrong, to raise it when there is nothing to return."""
        self.trouble = self.failed(error)

    def _hear(self, error: "KafkaError") -> None:
        codes = self.library.KafkaError  # one broker that is gone is the library's business
        if error.code() in (codes._ALL_BROKERS_DOWN, codes._AUTHENTICATION):
            self.note(error)

    def failed(self, error: object) -> PawsonalizeError:
        """Return the error to raise for an error of the library."""
        codes = self.library.KafkaError
        inner = error.args[0] if isinstance(error, self.library.KafkaException) else error
        code = inner.code() if isinstance(inner, codes) else None
        text = inner.str() if isinstance(inner, codes) else str(inner)
        if code in (codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC):
            return InvalidInput(f"there is no topic {self._shown}: make it first")
        if code in (codes.TOPIC_AUTHORIZATION_FAILED, codes.GROUP_AUTHORIZATION_FAILED):
            return InvalidInput(
                f"the login of {self._shown} may not do all that it takes ({text}): let it read and"
                " write the topic, and read the consumer group"
            )
        if code in (codes._AUTHENTICATION, codes.SASL_AUTHENTICATION_FAILED):
            return InvalidInput(f"{self._shown} does not take this login: check it in the URL")
        return StreamUnavailable(f"{self._shown} does not do it now ({text})")


class KafkaStream:
    """One member of a consumer group."""

    def __init__(
        self,
        address: StreamAddress,
        shards: ShardTable,
        holder: str,
        now: Callable[[], int],
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """After `patience` seconds in which nobody reads others get our partitions."""
        self._topic = address.name
        self._shown = address.shown
        self._start = address.start
        self._table = shards
        self._holder = holder
        self._now = now
        self._kafka = _Kafka(address)
        self._places: dict[int, _Place] = {}
        self._reported = 0.0
        self._is_closed = False
        session = min(10.0, patience)
        self._consumer: Consumer = self._kafka.library.Consumer(
            {
                **self._kafka.settings,
                "group.id": address.options.get("group", "pawsonalize"),
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                # All partitions are given back before they are dealt anew: nothing is read twice.
                "partition.assignment.strategy": "range",
                "session.timeout.ms": int(session * SECOND),
                "heartbeat.interval.ms": int(session * SECOND / 4),
                "max.poll.interval.ms": int(patience * SECOND),
                "queued.max.messages.kbytes": 16_384,
                "fetch.wait.max.ms": 250,
            }
        )
        self._at = partial(self._kafka.library.TopicPartition, self._topic)
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def read(self, limit: int, wait: float) -> Sequence[Record]:
        """The next records of the partitions that the group gave us."""
        if time.monotonic() - self._reported >= 1 and self._places:
            self._table.report(self._holder, self.lag(), self._now())
            self._reported = time.monotonic()
        waiting = [one for one, place in self._places.items() if not place.is_started]
        if waiting:
            self._begin(waiting)
        records: list[Record] = []
        first = self._consumer.poll(wait)
        if first is not None:
            self._take(first, records)
        if first is not None and limit > 1:  # what came with it, without waiting again
            for message in self._consumer.consume(limit - 1, 0):
                self._take(message, records)
        if records:
            self._kafka.trouble = None
        elif self._kafka.trouble is not None:
            trouble, self._kafka.trouble = self._kafka.trouble, None
            raise trouble
        return records

    def acknowledge(self, records: Sequence[Record]) -> None:
        """Note how far each partition is stored."""
        stored = {int(record.shard): int(record.sequence) for record in records}
        for partition, offset in stored.items():
            place = self._places.get(partition)
            while place and place.unstored and place.unstored[0] <= offset:
                place.stored = place.unstored.popleft()
        offsets = self._stored(stored)
        if offsets:
            try:
                # If it is lost, events that were stored come again, as duplicates.
                self._consumer.commit(offsets=offsets, asynchronous=True)
            except self._kafka.library.KafkaException as error:
                raise self._kafka.failed(error) from error

    def lag(self) -> Sequence[ShardLag]:
        """Return the lag of each partition, from when it is known."""
        return [self._lag(partition, place) for partition, place in self._places.items()]

    def close(self) -> None:
        """Commit, and leave the group."""
        # The library waits as long as it likes for a broker that is silent.
        if self._is_closed:
            return
        self._is_closed = True
        closing = threading.Thread(target=self._close, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)

    def _close(self) -> None:
        # Partitions go back while the group still lives. If they went in the library's last call,
        # it might ask the group for what nobody answers any more, and hold the interpreter's lock
        # for ever meanwhile.
        self._consumer.unsubscribe()
        given_up = time.monotonic() + _GIVE_BACK_SECONDS
        while time.monotonic() < given_up:
            self._consumer.poll(0.05)  # which calls _revoked
            if not self._places and not self._consumer.assignment():
                self._consumer.close()
                return
        _LOG.warning("stream_group_not_left", stream=self._shown)  # it is, when the session ends

    def _take(self, message: "Message", records: list[Record]) -> None:
        error, partition = message.error(), message.partition()
        place = self._places.get(-1 if partition is None else partition)
        if error is not None:
            codes = self._kafka.library.KafkaError
            if error.code() == codes._AUTO_OFFSET_RESET and place is not None:
                place.is_started = False
            elif error.code() != codes._MAX_POLL_EXCEEDED:  # we are late, and join again
                self._kafka.note(error)
            return
        offset = message.offset()
        if place is None or offset is None or (place.next is not None and offset < place.next):
            return
        _, at = message.timestamp()
        place.next, place.last_at = offset + 1, at
        place.unstored.append(offset)
        records.append(Record(str(partition), str(offset), message.value() or b"", at))

    def _begin(self, partitions: Sequence[int]) -> None:
        # The group has not stored where to read on, or the topic no longer has that place.
        try:
            for partition in partitions:
                place = self._places[partition]
                place.next, place.is_started = self._first(partition), True
            # To seek works only where something is read already.
            stored: int = self._kafka.library.OFFSET_STORED
            places = {one: place.next for one, place in self._places.items()}
            self._consumer.assign(
                [self._at(one, stored if at is None else at) for one, at in places.items()]
            )
        except self._kafka.library.KafkaException as error:
            raise self._kafka.failed(error) from error

    def _first(self, partition: int) -> int:
        this, stored = self._at(partition), self._places[partition].next
        if stored is None:
            stored = self._consumer.committed([this], _API_SECONDS)[0].offset
        oldest, newest = self._consumer.get_watermark_offsets(this, _API_SECONDS)
        if oldest <= stored <= newest:
            return stored
        if stored >= 0:
            about = {"stream": self._shown, "read": stored - 1, "oldest": oldest}
            _LOG.warning("stream_lost_messages", shard=str(partition), **about)
            return oldest
        if isinstance(self._start, int):
            at = [self._at(partition, self._start)]
            found = self._consumer.offsets_for_times(at, _API_SECONDS)[0].offset
            return found if found >= 0 else newest
        return self._latest(partition) if self._start == "latest" else oldest

    def _latest(self, partition: int) -> int:
        # The end of each partition, if the group has read none; others were added, and are new.
        topic = self._consumer.list_topics(self._topic, _API_SECONDS).topics[self._topic]
        parts = {one: self._at(one) for one in topic.partitions}
        stored = self._consumer.committed(list(parts.values()), _API_SECONDS)
        if any(one.offset >= 0 for one in stored):
            oldest, _ = self._consumer.get_watermark_offsets(parts[partition], _API_SECONDS)
            return oldest
        for part in parts.values():
            _, part.offset = self._consumer.get_watermark_offsets(part, _API_SECONDS)
        self._consumer.commit(offsets=list(parts.values()), asynchronous=False)
        return int(parts[partition].offset)

    def _assigned(self, _: "Consumer", partitions: "list[TopicPartition]") -> None:
        self._places = {one.partition: _Place() for one in partitions}

    def _revoked(self, consumer: "Consumer", partitions: "list[TopicPartition]") -> None:
        offsets = self._stored(one.partition for one in partitions)
        if offsets:
            try:
                # The next reader begins at once, and would read these again.
                consumer.commit(offsets=offsets, asynchronous=False)
            except self._kafka.library.KafkaException as error:
                _LOG.warning("stream_position_not_stored", stream=self._shown, reason=str(error))
        self._lost(consumer, partitions)

    def _lost(self, _: "Consumer", partitions: "list[TopicPartition]") -> None:
        for one in partitions:
            self._places.pop(one.partition, None)

    def _stored(self, partitions: Iterable[int]) -> "list[TopicPartition]":
        places = ((one, self._places.get(one)) for one in partitions)
        return [
            self._at(one, place.stored + 1)
            for one, place in places
            if place is not None and place.stored is not None
        ]

    def _lag(self, partition: int, place: _Place) -> ShardLag:
        shard, this = str(partition), self._at(partition)
        try:
            if place.next is None:
                stored = self._consumer.committed([this], _API_SECONDS)[0].offset
                place.next = stored if stored >= 0 else None
            _, newest = self._consumer.get_watermark_offsets(this, cached=True)
            if newest < 0:
                _, newest = self._consumer.get_watermark_offsets(this, _API_SECONDS)
        except self._kafka.library.KafkaException:
            return ShardLag(shard)
        if place.next is None:
            return ShardLag(shard)
        messages = max(0, newest - place.next)
        if not messages:
            return ShardLag(shard, 0.0, 0)
        behind = None if place.last_at is None else max(0, self._now() - place.last_at) / SECOND
        return ShardLag(shard, behind, messages)


class KafkaProducer:
    """Puts records into a topic, each into the partition that its key's hash says."""

    def __init__(self, address: StreamAddress) -> None:
        self._topic = address.name
        self._shown = address.shown
        self._kafka = _Kafka(address)
        self._producer: Producer = self._kafka.library.Producer(
            {
                **self._kafka.settings,
                "enable.idempotence": True,
                "linger.ms": 5,
                "partitioner": "murmur2_random",  # as Java's producers do
                "message.timeout.ms": int(_PUT_SECONDS * SECOND),
            }
        )
        self._failures: list[KafkaError] = []

    def put(self, records: Sequence[Outgoing]) -> None:
        """Put all."""
        # After a failure none that wait are sent, so that order holds.
        self._failures.clear()
        try:
            for record in records:
                self._put_one(record)
            left = self._producer.flush(_PUT_SECONDS + _API_SECONDS)
        except self._kafka.library.KafkaException as error:
            raise self._kafka.failed(error) from error
        if self._failures or left:
            raise self._kafka.failed([*self._failures, "it does not acknowledge"][0])

    def close(self) -> None:
        """Forget what is not sent."""
        self._producer.purge()
        self._producer.flush(_CLOSE_SECONDS)

    def _put_one(self, record: Outgoing) -> None:
        while not self._failures:
            try:
                self._producer.produce(
                    self._topic, record.data, record.key.encode(), on_delivery=self._hear
                )
            # There is room once something of what waits is delivered.
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _hear(self, error: "KafkaError | None", _: "Message") -> None:
        if error is not None:
            # What waits must not go ahead of what failed.
            self._failures.append(error)
            self._producer.purge()
