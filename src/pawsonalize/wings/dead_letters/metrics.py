"""Metrics of dead letters."""

from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from pawsonalize.wings.dead_letters.letter_replay import LetterReplay

KEPT = Counter(
    "pawsonalize_dead_letters_total", "What could not be taken and was kept.", ("source",)
)
LOST = Counter(
    "pawsonalize_refused_events_lost_total",
    "What /v1/events refused and could not be kept as dead letters; see max_dead_letters.",
)


def count_kept(source: str, count: int) -> None:
    """Count letters that were kept, of a kind of source."""
    KEPT.labels(source).inc(count)


def gauges(replay: LetterReplay, _now: int) -> list[Metric]:
    """Return the number of letters that wait."""
    waiting = replay.letters.waiting()
    return [
        GaugeMetricFamily("pawsonalize_dead_letters_waiting", "Dead letters that wait.", waiting)
    ]
