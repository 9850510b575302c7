"""Streams in a server: the one that it reads, and the shards of all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby

import msgspec
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from starlette.requests import Request

from pawsonalize.app.adapters import Adapters
from pawsonalize.core import clock
from pawsonalize.core.http.json import report_of
from pawsonalize.core.http.operation import Operations
from pawsonalize.core.metrics import EVENTS
from pawsonalize.core.roles import CONSUME
from pawsonalize.core.scopes import MONITOR
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.tasks import Task
from pawsonalize.operations.services import Services, services_of
from pawsonalize_streams import StreamSettings
from pawsonalize_streams.consuming import BatchCounts
from pawsonalize_streams.reading import StreamReading, consumer_of
from pawsonalize_streams.stream_shards import Shard, shards_of_all

RECORDS = Counter("pawsonalize_stream_records_total", "Records read from the stream.")
_PAUSE_SECONDS = 0.05
_GAUGES = (
    ("pawsonalize_stream_lag_seconds", "How far behind a shard's reader is."),
    ("pawsonalize_stream_lag_messages", "Messages that wait in a shard."),
    # Of dead consumers the last lag stays; this one shows that it is old.
    (
        "pawsonalize_stream_looked_seconds",
        "How long ago a shard's reader has said how far behind it is.",
    ),
)


def count_batch(counts: BatchCounts) -> None:
    """Count a batch of a stream's records by what became of them."""
    EVENTS.labels("accepted").inc(counts.accepted)
    EVENTS.labels("duplicate").inc(counts.duplicates)
    EVENTS.labels("rejected").inc(counts.refused)
    RECORDS.inc(counts.records)


class ServedStreams(msgspec.Struct, frozen=True):
    """Parts that operations, metrics and the background share."""

    shards: Callable[[], list[Shard]]
    reading: StreamReading
    threads: ThreadPoolExecutor


@contextmanager
def started(adapters: Adapters, services: Services) -> Iterator[ServedStreams]:
    """Yield the streams; at the end the batch that is being stored is stored first."""
    parts = (adapters.settings, adapters, services.ingest, services.intake)
    consumer = partial(consumer_of, *parts, count_batch)
    reading = StreamReading(consumer)
    with ThreadPoolExecutor(1, thread_name_prefix="stream") as threads:
        try:
            yield ServedStreams(partial(shards_of_all, adapters.database), reading, threads)
        finally:
            reading.stop()
            threads.shutdown(cancel_futures=True)
            reading.close()


def tasks(adapters: Adapters, _services: Services, streams: ServedStreams) -> Iterator[Task]:
    """Yield the task that reads the stream of the adapters.settings, if they name one."""
    settings = adapters.settings
    if settings.has_role(CONSUME) and settings.part(StreamSettings).stream_url:
        yield Task("read the stream", _PAUSE_SECONDS, streams.reading.work, streams.threads)


def gauges(streams: ServedStreams, _now: int) -> list[Metric]:
    """Return the lags of the shards that have records to come."""
    families = [GaugeMetricFamily(name, text, labels=("stream", "shard")) for name, text in _GAUGES]
    for one in streams.shards():
        ago = None if one.looked_at is None else max(0, clock.real_now() - one.looked_at) / SECOND
        values = (one.lag_seconds, one.lag_messages, ago)
        for gauge, value in zip(families, values, strict=True):
            if value is not None and not one.is_ended:
                gauge.add_metric((one.stream, one.shard), value)
    return list(families)


OPERATIONS = Operations(MONITOR)


class ShardAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A shard, and how far its reader is; `lag…` is null where the stream does not tell."""

    shard: str
    holder: str | None = msgspec.field(name="consumer")
    position: str | None
    is_ended: bool
    lag_seconds: float | None
    lag_messages: int | None
    looked_at: str | None


class StreamAnswer(msgspec.Struct, frozen=True):
    """A stream that is read, or was."""

    stream: str
    shards: list[ShardAnswer]


class StreamList(msgspec.Struct, frozen=True):
    """The streams."""

    streams: list[StreamAnswer]


@OPERATIONS.add("GET", "/v1/streams")
async def get_streams(request: Request) -> StreamList:
    """The streams that events are read from: who reads which shard, and how far behind."""
    served: ServedStreams = request.app.state.plugins["streams"]
    found = groupby(await services_of(request).read(served.shards), lambda one: one.stream)
    return StreamList(
        [StreamAnswer(name, [report_of(ShardAnswer, one) for one in some]) for name, some in found]
    )
