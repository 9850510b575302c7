"""Streams in a server: the one that it reads, and the shards of all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from prometheus_client.metrics_core import Metric

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task
from pawsonalize.domain.roles import CONSUME
from pawsonalize.http.services import Services
from pawsonalize.settings import Settings
from pawsonalize.wings.streams.metrics import lags
from pawsonalize.wings.streams.reading import StreamReading, consumer_of
from pawsonalize.wings.streams.settings import StreamSettings
from pawsonalize.wings.streams.stream_shards import Shard, shards_of_all

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
