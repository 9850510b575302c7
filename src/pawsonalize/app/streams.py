"""The stream that the settings name: its consumer, and how to write to one."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable

import structlog

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.engine.ingest.consuming import Consumer, StreamSource, Taken, Told
from pawsonalize.engine.ingest.dead_letters import DeadLetters
from pawsonalize.engine.ingest.events import Ingest
from pawsonalize.http.metrics import count_dead_letters
from pawsonalize.settings import Settings
from pawsonalize.storage.stream_shards import ShardLag, ShardTable
from pawsonalize.stream.address import StreamAddress
from pawsonalize.stream.base import Producer, Stream
from pawsonalize.stream.leases import ShardLeases

WAIT_SECONDS = 1.0
"""How long a consumer waits for records: it hears of a stop after so long."""
_TURN_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # after failures

log = structlog.get_logger()


def source_of(settings: Settings, adapters: Adapters) -> StreamSource:
    """The stream of the settings; InvalidInput where they name none, NotFound without tracker."""
    if not settings.stream_url:
        raise InvalidInput(
            "no stream is named: give one with --stream, such as nats://host:4222/STREAM, or as"
            " the setting stream_url",
            field="stream_url",
        )
    address = StreamAddress.parse(settings.stream_url)
    group = DEFAULT_DATASET_GROUP
    if settings.stream_tracking_id:
        group = adapters.datasets.tracker(settings.stream_tracking_id).dataset_group
    shown = address.shown if group == DEFAULT_DATASET_GROUP else f"{address.shown} for {group}"
    return StreamSource(address.name, shown, group)


def shards_of(source: StreamSource, adapters: Adapters) -> ShardTable:
    """How far the stream is read."""
    return ShardTable(adapters.database, source.shown)


def consumer_of(
    settings: Settings, adapters: Adapters, ingest: Ingest, told: Told = lambda _taken: None
) -> Consumer:
    """A consumer of the stream that the settings name; the stream is opened."""
    source = source_of(settings, adapters)
    stream = _open_stream(StreamAddress.parse(settings.stream_url), shards_of(source, adapters))
    letters = DeadLetters(adapters.dead_letters.table, count_dead_letters)
    return Consumer(stream, source, ingest, letters, clock.now, told)


def open_producer(url: str, *, create: bool = False) -> Producer:
    """What writes to a stream; with `create`, a stream that is missing is made."""
    address = StreamAddress.parse(url)
    if address.kind == "kinesis":
        from pawsonalize.stream.kinesis import KinesisProducer  # noqa: PLC0415 - an extra

        return KinesisProducer(address, create=create)
    if address.kind == "nats":
        from pawsonalize.stream.jetstream_producer import JetStreamProducer  # noqa: PLC0415 - an extra

        return JetStreamProducer(address, create=create)
    from pawsonalize.stream.kafka import KafkaProducer  # noqa: PLC0415 - an extra

    return KafkaProducer(address)


def _open_stream(address: StreamAddress, shards: ShardTable) -> Stream:
    holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    leases = ShardLeases(shards, holder, clock.now)
    if address.kind == "kinesis":
        from pawsonalize.stream.kinesis import KinesisStream  # noqa: PLC0415 - an extra

        return KinesisStream(address, leases, clock.now)
    if address.kind == "nats":
        from pawsonalize.stream.jetstream import JetStream  # noqa: PLC0415 - an extra

        return JetStream(address, leases, clock.now)
    from pawsonalize.stream.kafka import KafkaStream  # noqa: PLC0415 - an extra

    return KafkaStream(address, shards, holder, clock.now)


class StreamReading:
    """Reads the stream of the settings beside a server's answers, in one thread."""

    def __init__(self, open_consumer: Callable[[], Consumer]) -> None:
        self._open = open_consumer
        self._consumer: Consumer | None = None
        self._stopping = threading.Event()
        self._pause = 0.0

    def work(self) -> None:
        """Take what the stream brings, for some seconds.

        Raises what the stream and the tables raise; the next call goes on, after a pause.
        """
        self._stopping.wait(self._pause)
        self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        if self._consumer is None:
            self._consumer = self._open()
        ends = time.monotonic() + _TURN_SECONDS
        while not self._stopping.is_set() and time.monotonic() < ends:
            self._consumer.step(WAIT_SECONDS)
        self._pause = 0.0

    def stop(self) -> None:
        """Read no further batch."""
        self._stopping.set()

    def close(self) -> None:
        """Let the shards go, once no work is done any more."""
        if self._consumer is not None:
            self._consumer.stream.close()


def caught_up(consumer: Consumer, shards: ShardTable, taken: Taken) -> bool:
    """Whether the stream had nothing more, for this consumer and for all others."""
    if taken.records:
        return False
    mine = {one.shard: one for one in consumer.stream.lag()}
    if not all(one.is_none for one in mine.values()):
        return False
    known = shards.all()  # none at first, where the broker takes its time to assign them
    return bool(known) and all(
        row.shard in mine or ShardLag(row.shard, row.lag_seconds, row.lag_messages).is_none
        for row in known
        if not row.is_ended
    )
