"""Requests and events of one server over the last hour: rates, times to answer, failures."""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from pawsonalize.core.metrics import EVENTS, REQUESTS, SECONDS
from pawsonalize.core.times import HOUR, MINUTE, SECOND, iso

SAMPLE_SECONDS = 15.0
_KEPT = round(HOUR / SECOND / SAMPLE_SECONDS) + 1
_RATE = MINUTE  # rates are of the last minute
_TIMES = 5 * MINUTE  # times to answer are of so long, so that there are enough
_POINT = 4  # samples that a point of the charts stands for
_MILLISECONDS = 1_000


class TrafficKind(StrEnum):
    """Kinds of requests."""

    RECOMMENDATIONS = "recommendations"
    RERANKINGS = "re-rankings"
    EVENTS = "events"
    OTHER = "other"
    """The console, the inventory, and what operators ask."""


_ANSWERS = (TrafficKind.RECOMMENDATIONS, TrafficKind.RERANKINGS)  # visitors wait for these


class TrafficCounts(msgspec.Struct, frozen=True):
    """Counts of a server since it began."""

    statuses: Mapping[tuple[TrafficKind, int], float] = msgspec.field(default_factory=dict)
    """Requests, by kind and status of HTTP."""
    within: Mapping[tuple[TrafficKind, float], float] = msgspec.field(default_factory=dict)
    """Requests, by kind and the seconds within which they were answered."""
    accepted: float = 0.0
    """Events that were taken in."""
    refused: float = 0.0
    """Events that were not."""

    def since(self, earlier: "TrafficCounts") -> "TrafficCounts":
        """Return the counts since then."""
        return TrafficCounts(
            _less(self.statuses, earlier.statuses),
            _less(self.within, earlier.within),
            max(self.accepted - earlier.accepted, 0.0),
            max(self.refused - earlier.refused, 0.0),
        )

    def requests(self, *kinds: TrafficKind, first: int = 0, last: int = 599) -> float:
        """Count requests of the kinds, or of all, with a status from `first` to `last`."""
        return sum(
            count
            for (kind, status), count in self.statuses.items()
            if (not kinds or kind in kinds) and first <= status <= last
        )

    def quantile(self, share: float, *kinds: TrafficKind) -> float | None:
        """Return the milliseconds within which that share was answered; None without requests.

        Between the bounds of the histogram it is a straight line, above the last it is that bound.
        """
        found: dict[float, float] = defaultdict(float)
        for (kind, seconds), count in self.within.items():
            if kind in kinds:
                found[seconds] += count
        bounds = sorted(found)
        counts = [found[bound] for bound in bounds]
        if not counts or counts[-1] <= 0:
            return None
        wanted = share * counts[-1]
        place = bisect_left(counts, wanted)
        low, below = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
        if bounds[place] == float("inf"):
            return low * _MILLISECONDS
        part = (wanted - below) / (counts[place] - below)
        return _MILLISECONDS * (low + (bounds[place] - low) * part)


def _less(now: Mapping[Any, float], earlier: Mapping[Any, float]) -> dict[Any, float]:
    # The counts of a worker that is gone are less than they were.
    return {key: max(count - earlier.get(key, 0.0), 0.0) for key, count in now.items()}


class KindTraffic(msgspec.Struct, frozen=True, rename="camel"):
    """Requests of one kind.

    The rate is of the last minute, times to answer in milliseconds of the last five, counts of the
    last hour; null while that is not known.
    """

    kind: TrafficKind
    per_second: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    requests: int
    failed: int
    """Answered with a status of 500 or above."""
    refused: int
    """Answered with a status of 400 to 499."""


class TrafficPoint(msgspec.Struct, frozen=True, rename="camel"):
    """Rates of one minute, and the milliseconds within which visitors had answers.

    Answers are recommendations and re-rankings.
    """

    at: str
    answers_per_second: float
    events_per_second: float
    p50_ms: float | None
    p99_ms: float | None


class Traffic(msgspec.Struct, frozen=True, rename="camel"):
    """Requests and events of one server in the last `seconds`, an hour or since it began."""

    seconds: float
    kinds: tuple[KindTraffic, ...]
    events_per_second: float | None
    events_accepted: int
    events_refused: int
    points: tuple[TrafficPoint, ...]


class TrafficHistory:
    """Samples of the counts of one server, with all its processes, for an hour."""

    def __init__(self, read: Callable[[], TrafficCounts], now: int) -> None:
        self._read = read
        self._samples: deque[tuple[int, TrafficCounts]] = deque([(now, read())], _KEPT)

    def sample(self, now: int) -> None:
        """Keep the counts of this moment."""
        self._samples.append((now, self._read()))

    def traffic(self, now: int) -> Traffic:
        """Return rates, times and counts, with those of this moment."""
        samples = [*self._samples, (now, self._read())]
        first_at, first = samples[0]
        last = samples[-1][1]
        hour = last.since(first)
        rate, rate_seconds = _newest(samples, _RATE)
        times, _ = _newest(samples, _TIMES)

        def per_second(count: float) -> float | None:
            return count / rate_seconds if rate_seconds > 0 else None

        return Traffic(
            seconds=(now - first_at) / SECOND,
            kinds=tuple(
                KindTraffic(
                    kind=kind,
                    per_second=per_second(rate.requests(kind)),
                    p50_ms=times.quantile(0.5, kind),
                    p95_ms=times.quantile(0.95, kind),
                    p99_ms=times.quantile(0.99, kind),
                    requests=round(hour.requests(kind)),
                    failed=round(hour.requests(kind, first=500)),
                    refused=round(hour.requests(kind, first=400, last=499)),
                )
                for kind in TrafficKind
            ),
            events_per_second=per_second(rate.accepted),
            events_accepted=round(hour.accepted),
            events_refused=round(hour.refused),
            points=tuple(_points(samples)),
        )


_Samples = list[tuple[int, TrafficCounts]]


def _newest(samples: _Samples, span: int) -> tuple[TrafficCounts, float]:
    """Return the counts of the newest part, which is about `span` long, and its seconds."""
    now, last = samples[-1]
    at, first = next((one for one in samples if one[0] >= now - span), samples[-1])
    if at == now and len(samples) > 1:
        at, first = samples[-2]
    return last.since(first), (now - at) / SECOND


def _points(samples: _Samples) -> list[TrafficPoint]:
    # One a minute, ending with the newest.
    ends = samples[::-1][::_POINT][::-1]
    points = []
    for (before, first), (at, last) in pairwise(ends):
        came, seconds = last.since(first), (at - before) / SECOND
        if seconds > 0:
            points.append(
                TrafficPoint(
                    at=iso(at),
                    answers_per_second=came.requests(*_ANSWERS) / seconds,
                    events_per_second=came.accepted / seconds,
                    p50_ms=came.quantile(0.5, *_ANSWERS),
                    p99_ms=came.quantile(0.99, *_ANSWERS),
                )
            )
    return points


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
    """Return the counts of all worker processes; `metrics_dir` is None for a single process."""
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
