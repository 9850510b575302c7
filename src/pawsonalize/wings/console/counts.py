"""What this server counted of requests and events, read from its metrics for the console."""

from collections import defaultdict
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from pawsonalize.http.metrics import EVENTS, REQUESTS, SECONDS
from pawsonalize.wings.console.views.traffic import TrafficCounts, TrafficKind

_KINDS = {
    "/v1/recommendations": TrafficKind.RECOMMENDATIONS,
    "/v1/animals/{animal_id}/similar": TrafficKind.RECOMMENDATIONS,
    "/aws/recommendations": TrafficKind.RECOMMENDATIONS,
    "/aws/action-recommendations": TrafficKind.RECOMMENDATIONS,
    "/v1/rerankings": TrafficKind.RERANKINGS,
    "/aws/personalize-ranking": TrafficKind.RERANKINGS,
    "/v1/events": TrafficKind.EVENTS,
    "/aws/events": TrafficKind.EVENTS,
    # The adoption site's pages: what is in them is an answer, too.
    "/": TrafficKind.RECOMMENDATIONS,
    "/animals/{animal_id}": TrafficKind.RECOMMENDATIONS,
    "/animals/{animal_id}/events": TrafficKind.EVENTS,
}


def read_counts(metrics_dir: Path | None) -> TrafficCounts:
    """The counts of all worker processes; `metrics_dir` is None for a single process."""
    statuses: dict[tuple[TrafficKind, int], float] = defaultdict(float)
    within: dict[tuple[TrafficKind, float], float] = defaultdict(float)
    events: dict[str, float] = defaultdict(float)
    families = (
        [family for metric in (REQUESTS, SECONDS, EVENTS) for family in metric.collect()]
        if metrics_dir is None
        else MultiProcessCollector(CollectorRegistry(), str(metrics_dir)).collect()  # type: ignore[no-untyped-call]
    )
    for sample in (sample for family in families for sample in family.samples):
        labels, value = sample.labels, sample.value
        kind = _KINDS.get(labels.get("route", ""), TrafficKind.OTHER)
        if sample.name == "pawsonalize_requests_total":
            statuses[kind, int(labels["status"])] += value
        elif sample.name == "pawsonalize_request_seconds_bucket":
            within[kind, float(labels["le"])] += value
        elif sample.name == "pawsonalize_events_total":
            events[labels["outcome"]] += value
    return TrafficCounts(statuses, within, events["accepted"], events["rejected"])
