"""Streams in a server: the one that it reads, and the shards of all."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import msgspec
from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task
from pawsonalize.domain.roles import CONSUME
from pawsonalize.domain.times import SECOND, iso
from pawsonalize.http.json import json_response
from pawsonalize.http.metrics import EVENTS
from pawsonalize.http.operation import Operations
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import MONITOR
from pawsonalize.settings import Settings
from pawsonalize.wings.streams import StreamSettings
from pawsonalize.wings.streams.consuming import Taken
from pawsonalize.wings.streams.reading import StreamReading, consumer_of
from pawsonalize.wings.streams.stream_shards import Shard, shards_of_all

RECORDS = Counter("pawsonalize_stream_records_total", "Records read from the stream.")


def count_taken(taken: Taken) -> None:
    """Count a batch of a stream's records by what became of them."""
    EVENTS.labels("accepted").inc(taken.accepted)
    EVENTS.labels("duplicate").inc(taken.duplicates)
    EVENTS.labels("rejected").inc(taken.refused)
    RECORDS.inc(taken.records)


def lags(shards: Iterable[Shard], now: int) -> list[Metric]:
    """Return gauges of how far behind their streams all consumers are, wherever they run."""
    labels = ("stream", "shard")
    seconds = GaugeMetricFamily(
        "pawsonalize_stream_lag_seconds", "How far behind a shard's reader is.", labels=labels
    )
    messages = GaugeMetricFamily(
        "pawsonalize_stream_lag_messages", "Messages that wait in a shard.", labels=labels
    )
    # Where all consumers are dead, their last word stays; it is old then.
    looked = GaugeMetricFamily(
        "pawsonalize_stream_looked_seconds",
        "How long ago a shard's reader has said how far behind it is.",
        labels=labels,
    )
    for one in shards:
        ago = None if one.looked_at is None else max(0, now - one.looked_at) / SECOND
        for gauge, value in (
            (seconds, one.lag_seconds),
            (messages, one.lag_messages),
            (looked, ago),
        ):
            if value is not None:
                gauge.add_metric((one.stream, one.shard), value)
    return [seconds, messages, looked]


_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServedStreams:
    """What operations, metrics and the background share."""

    shards: Callable[[], list[Shard]]
    """Returns the shards of all streams."""
    reading: StreamReading
    threads: ThreadPoolExecutor


@contextmanager
def started(settings: Settings, adapters: Adapters, services: Services) -> Iterator[ServedStreams]:
    """Yield the streams; at the end the batch that is being stored is stored first."""
    consumer = partial(consumer_of, settings, adapters, services.ingest, services.intake)
    reading = StreamReading(consumer)
    with ThreadPoolExecutor(1, thread_name_prefix="stream") as threads:
        try:
            yield ServedStreams(partial(shards_of_all, adapters.database), reading, threads)
        finally:
            reading.stop()
            threads.shutdown(cancel_futures=True)
            reading.close()


def tasks(
    settings: Settings, _adapters: Adapters, _services: Services, streams: ServedStreams
) -> Iterator[Task]:
    """Yield the task that reads the stream of the settings, if they name one."""
    if settings.has_role(CONSUME) and settings.part(StreamSettings).stream_url:
        yield Task("read the stream", _PAUSE_SECONDS, streams.reading.work, streams.threads)


def gauges(streams: ServedStreams, now: int) -> list[Metric]:
    """Return the lags of the shards that have records to come."""
    return lags((one for one in streams.shards() if not one.is_ended), now)


OPERATIONS = Operations()


class ShardAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A shard, and how far its reader is; `lag…` is null where the stream does not tell."""

    shard: str
    consumer: str | None
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


@OPERATIONS.add("GET", "/v1/streams", MONITOR, answer=StreamList)
async def get_streams(request: Request) -> Response:
    """The streams that events are read from: who reads which shard, and how far behind."""
    services: Services = request.app.state.services
    served: ServedStreams = request.app.state.wings["streams"]
    streams = groupby(await services.read(served.shards), lambda one: one.stream)
    return json_response(
        StreamList([StreamAnswer(name, list(map(_answer, of_it))) for name, of_it in streams])
    )


def _answer(one: Shard) -> ShardAnswer:
    return ShardAnswer(
        one.shard,
        one.holder,
        one.position,
        one.is_ended,
        one.lag_seconds,
        one.lag_messages,
        None if one.looked_at is None else iso(one.looked_at),
    )
