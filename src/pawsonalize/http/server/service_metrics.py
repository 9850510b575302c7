"""The part of `/metrics` that is of the whole service, and is the same on every server.

The tables are read every ten seconds at most, however often and by whomever a server is scraped.
"""

from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from cachetools import TTLCache
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.reporting.service_figures import ServiceFigures

_KEPT_SECONDS = 10


class RecentFigures:
    """The figures as of a few seconds ago; None while the tables cannot be read."""

    def __init__(self, read: Callable[[], ServiceFigures], now: Callable[[], int]) -> None:
        self._read = read
        self._known: TTLCache[str, ServiceFigures] = TTLCache(1, _KEPT_SECONDS * SECOND, now)
        self._lock = Lock()  # never held while the tables are read

    def get(self) -> ServiceFigures | None:
        """The figures; to be called in a thread, as it may read the tables."""
        with self._lock:
            if (known := self._known.get("")) is not None:
                return known
        try:
            found = self._read()
        except StorageUnavailable:
            return None
        with self._lock:
            self._known[""] = found
        return found


class FiguresCollector(Collector):
    """The figures as gauges; ages are in seconds, as of `now` in ms since 1970."""

    def __init__(self, figures: ServiceFigures, now: int) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of them."""
        figures, runs = self._figures, self._figures.runs
        yield _gauge(
            "pawsonalize_model_age_seconds",
            "How old the data is that a campaign's model was trained on.",
            ("dataset_group", "campaign"),
            (((one.dataset_group, one.campaign), self._age(one.as_of)) for one in figures.models),
        )
        yield _gauge(
            "pawsonalize_gate_verdict",
            "1 for what the newest retraining of a campaign led to.",
            ("dataset_group", "campaign", "verdict"),
            (((one.dataset_group, one.campaign, one.verdict), 1) for one in runs.verdicts),
        )
        yield _gauge(
            "pawsonalize_retraining_runs",
            "The newest retraining runs, at most 200, by how they ended.",
            ("outcome",),
            (((name,), count) for name, count in runs.by_status.items()),
        )
        yield _gauge(
            "pawsonalize_retraining_ended_seconds",
            "How long ago the newest retraining run of an outcome ended.",
            ("outcome",),
            (((name,), self._age(at)) for name, at in runs.newest_end.items()),
        )
        yield _gauge(
            "pawsonalize_animals",
            "The inventory by status.",
            ("status",),
            (((name,), count) for name, count in figures.animals.items()),
        )
        yield _gauge(
            "pawsonalize_queue_length",
            "What waits or is in work: events for the archive, notifications, trainings, jobs.",
            ("queue",),
            (((name,), count) for name, count in figures.queues.items()),
        )

    def _age(self, at: int) -> float:
        return max(0, self._now - at) / SECOND


def _gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    samples: Iterable[tuple[tuple[str, ...], float]],
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        gauge.add_metric(values, value)
    return gauge
