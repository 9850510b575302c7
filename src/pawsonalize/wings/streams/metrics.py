"""Metrics of streams."""

from collections.abc import Iterable

from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pawsonalize.domain.times import SECOND
from pawsonalize.http.metrics import EVENTS
from pawsonalize.wings.streams.consuming import Taken
from pawsonalize.wings.streams.stream_shards import Shard

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
