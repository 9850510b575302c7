"""The stream that the settings name: its consumer, and how to write to one."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.app.ports import STREAM_REFUSALS
from pawsonalize.app.sending import Producer
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.logs import get_logger
from pawsonalize.core.roles import CONSUME
from pawsonalize.core.times import MINUTE, iso
from pawsonalize.events.ingest import Intake, log_refusals
from pawsonalize_streams import StreamSettings, stream_shards
from pawsonalize_streams.consuming import BatchCounts, Consumer, StreamSource
from pawsonalize_streams.stream import Stream, StreamAddress

if TYPE_CHECKING:
    from pawsonalize.events.ingest import Ingest

WAIT_SECONDS = 1.0
"""Longest wait for records; a consumer hears of a stop after so long."""
_TURN_SECONDS = 5.0
_LONG_SECONDS = 60.0
_START = "start `pawsonalize serve` or `pawsonalize consume`, and look at their log"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # after failures

log = get_logger()


def source_of(settings: Settings, adapters: Adapters) -> StreamSource:
    """The stream of the settings; InvalidInput where they name none, NotFound without tracker."""
    own = settings.part(StreamSettings)
    if not own.stream_url:
        raise InvalidInput(
            "no stream is named: give one with --stream, such as nats://host:4222/STREAM, or as"
            " the setting stream_url",
            field="stream_url",
        )
    address = StreamAddress.parse(own.stream_url)
    group = DEFAULT_DATASET_GROUP
    if own.stream_tracking_id:
        group = adapters.datasets.tracker(own.stream_tracking_id).dataset_group
    shown = address.shown if group == DEFAULT_DATASET_GROUP else f"{address.shown} for {group}"
    return StreamSource(address.name, shown, group)


def shards_of(source: StreamSource, adapters: Adapters) -> stream_shards.ShardTable:
    """Return the table of the stream's shards."""
    return stream_shards.ShardTable(adapters.database, source.shown)


def consumer_of(
    settings: Settings,
    adapters: Adapters,
    ingest: "Ingest",
    intake: Intake,
    count: Callable[[BatchCounts], object],
) -> Consumer:
    """A consumer of the stream that the settings name; the stream is opened.

    `count` is called with the counts of each batch.
    """

    def note_batch(counts: BatchCounts) -> None:
        count(counts)
        intake.count(clock.now(), counts.accepted + counts.duplicates, counts.reasons.elements())

    source = source_of(settings, adapters)
    address = StreamAddress.parse(settings.part(StreamSettings).stream_url)
    stream = _open_stream(address, shards_of(source, adapters))
    refused = STREAM_REFUSALS(adapters) or log_refusals
    return Consumer(stream, source, ingest, refused, clock.now, note_batch)


def open_producer(url: str, create: bool = False) -> Producer:
    """Open the writer of a stream; with `create`, a missing stream is made."""
    address = StreamAddress.parse(url)
    if address.kind == "kinesis":
        from pawsonalize_streams.kinesis_client import KinesisProducer  # noqa: PLC0415 - an extra

        return KinesisProducer(address, create=create)
    if address.kind == "nats":
        from pawsonalize_streams.nats_link import JetStreamProducer  # noqa: PLC0415 - an extra

        return JetStreamProducer(address, create=create)
    from pawsonalize_streams.kafka import KafkaProducer  # noqa: PLC0415 - an extra

    return KafkaProducer(address)


def _open_stream(address: StreamAddress, shards: stream_shards.ShardTable) -> Stream:
    holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    leases = stream_shards.ShardLeases(shards, holder, clock.real_now)
    if address.kind == "kinesis":
        from pawsonalize_streams.kinesis import KinesisStream  # noqa: PLC0415 - an extra

        return KinesisStream(address, leases, clock.real_now)
    if address.kind == "nats":
        from pawsonalize_streams.jetstream import JetStream  # noqa: PLC0415 - an extra

        return JetStream(address, leases, clock.real_now)
    from pawsonalize_streams.kafka import KafkaStream  # noqa: PLC0415 - an extra

    return KafkaStream(address, shards, holder, clock.real_now)


class StreamReading(msgspec.Struct):
    """Reads the stream of the settings beside a server's answers, in one thread."""

    _open: Callable[[], Consumer]
    _consumer: Consumer | None = None
    _stopping: threading.Event = msgspec.field(default_factory=threading.Event)
    _pause: float = 0.0

    def work(self) -> None:
        """Read for some seconds. After an error the next call pauses first."""
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


class CatchingUp(msgspec.Struct):
    """Tells when a stream is read through, by this consumer and by all others."""

    _consumer: Consumer
    _shards: stream_shards.ShardTable
    _looked: dict[str, int | None] = msgspec.field(default_factory=dict)

    def is_over(self, counts: BatchCounts) -> bool:
        """True if the stream has nothing more after this batch."""
        # Another consumer's lag counts once it was noted again since: that consumer may be dead.
        if counts.records:
            self._looked.clear()
            return False
        mine = {one.shard: one for one in self._consumer.stream.lag()}
        known = [row for row in self._shards.all() if not row.is_ended]
        theirs = [row for row in known if row.shard not in mine]
        fresh = [
            self._looked.setdefault(one.shard, one.looked_at) != one.looked_at for one in theirs
        ]
        lags = [
            *mine.values(),
            *(stream_shards.ShardLag(o.shard, o.lag_seconds, o.lag_messages) for o in theirs),
        ]
        # At first there is no shard, where the broker takes its time to assign them.
        return bool(known) and all(fresh) and all(one.is_none for one in lags)


def check_stream(settings: Settings) -> None:
    """InvalidInput if the stream's address is wrong, or missing where there is no other work."""
    if url := settings.part(StreamSettings).stream_url:
        StreamAddress.parse(url)
    elif settings.own_roles == (CONSUME,):
        raise InvalidInput(
            "this server would do nothing: its only role is consume, and stream_url names no"
            " stream; name one, or give it another role",
            field="roles",
        )


def tracked_source(settings: Settings) -> Callable[[Adapters], StreamSource] | None:
    """Return what finds the event tracker of the stream; None where the settings name none."""
    own = settings.part(StreamSettings)
    return partial(source_of, settings) if own.stream_url and own.stream_tracking_id else None


USABLE = (check_stream,)
NEEDS = (tracked_source,)


def streams(service: CheckedService) -> Iterator[Diagnosis]:
    """Report the lag of each stream; find shards that nobody reads."""
    known = stream_shards.shards_of_all(service.adapters.database)
    for stream, of_it in groupby(known, lambda one: one.stream):
        yield _of(stream, [one for one in of_it if not one.is_ended], clock.real_now())
    if not service.settings.part(StreamSettings).stream_url:
        return
    named = source_of(service.settings, service.adapters).shown
    if named not in {one.stream for one in known}:
        yield attention("nobody has read it yet", _START, about=f"stream {named}")


def _of(stream: str, shards: list[stream_shards.Shard], now: int) -> Diagnosis:
    name = f"stream {stream}"
    seen = [one for one in shards if one.holder and now - (one.looked_at or 0) <= MINUTE]
    if len(seen) < len(shards):
        last = max((one.looked_at for one in shards if one.looked_at is not None), default=None)
        since = "yet" if last is None else f"since {iso(last)}"
        text = f"nobody reads {len(shards) - len(seen)} of its {len(shards)} shards {since}"
        return attention(text, _START, about=name)
    seconds = max((one.lag_seconds or 0.0 for one in seen), default=0.0)
    messages = sum(one.lag_messages or 0 for one in seen)
    found = f"{len(seen)} shards, {messages:,} messages and {seconds:,.0f} s behind"
    if seconds > _LONG_SECONDS:
        move = "start more of `pawsonalize consume`: they share the shards"
        return attention(found, move, about=name)
    return fine(found, about=name)


CHECKS = (Check("streams", streams, EVERYWHERE),)
