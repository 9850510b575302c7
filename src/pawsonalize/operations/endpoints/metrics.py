"""GET /metrics in Prometheus' text form: of all worker processes, and of the whole service."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import prometheus_client
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.http.operation import Operations
from pawsonalize.core.metrics import REQUESTS, SECONDS
from pawsonalize.core.plugin import parts
from pawsonalize.core.scopes import MONITOR
from pawsonalize.core.times import SECOND
from pawsonalize.operations.services import Services, services_of
from pawsonalize.reports.service_figures import ServiceFigures

OPERATIONS = Operations()
_PROBLEMS = ("pawsonalize_problem", "1 for each problem that stands now.", ("name",))


# Figures of the whole service are the same on every server.
@OPERATIONS.add("GET", "/metrics", MONITOR)
async def get_metrics(request: Request) -> Response:
    """Prometheus metrics."""
    services = services_of(request)
    counted: Collector = prometheus_client.REGISTRY
    # Several workers count into files there, as each answers a part of the requests.
    if services.metrics_dir is not None:
        counted = prometheus_client.CollectorRegistry()
        MultiProcessCollector(counted, str(services.metrics_dir))  # type: ignore[no-untyped-call]
    gauges = [_gauge(*_PROBLEMS, (((name,), 1) for name in await _problem_names(services)))]
    now = services.now()
    for plugin, read in parts("gauges"):
        with suppress(StorageUnavailable):  # what processes count needs no database
            gauges += await services.read(read, request.app.state.plugins[plugin.name], now)
    with suppress(StorageUnavailable):
        gauges += _gauges_of(await run_in_threadpool(services.figures), now)
    texts = map(prometheus_client.generate_latest, (counted, _Gauges(gauges)))
    return Response(b"".join(texts), media_type=prometheus_client.CONTENT_TYPE_LATEST)


async def _problem_names(services: Services) -> list[str]:
    """Return the problems that stand, whichever process of whichever machine reported them."""
    # What cannot be stored cannot be reported, either: these two are looked at here.
    unwritable = await run_in_threadpool(services.why_not_writable)
    names = [] if unwritable is None else ["events cannot be stored"]
    try:
        standing = await services.read(services.problems.standing, services.now())
    except StorageUnavailable:
        return [*names, "the database cannot be read"]
    return [*names, *(problem.name for problem in standing)]


class _Gauges(Collector):
    """Gauges that were read before."""

    def __init__(self, gauges: Sequence[Metric]) -> None:
        self._gauges = gauges

    def collect(self) -> Sequence[Metric]:
        """Return them."""
        return self._gauges


def _gauges_of(figures: ServiceFigures, now: int) -> Iterator[Metric]:
    """Yield the figures as gauges; ages are in seconds, as of `now` in ms since 1970."""

    def age(at: int) -> float:
        return max(0, now - at) / SECOND

    runs = figures.runs
    yield _gauge(
        "pawsonalize_model_age_seconds",
        "How old the data is that a campaign's model was trained on.",
        ("dataset_group", "campaign"),
        ((campaign, age(at)) for campaign, at in figures.models.items()),
    )
    yield _gauge(
        "pawsonalize_gate_verdict",
        "1 for what the newest retraining of a campaign led to.",
        ("dataset_group", "campaign", "verdict"),
        (((*campaign, verdict), 1) for campaign, verdict in runs.verdicts.items()),
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
        (((name,), age(at)) for name, at in runs.newest_end.items()),
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


def _gauge(
    name: str, text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        gauge.add_metric(values, value)
    return gauge


class RequestMetrics:
    """ASGI middleware that counts requests and times them, by route rather than by path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note its status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # Of a request that fails before it is answered.
        status = "500"

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        finally:
            route = scope.get("route")
            # Paths hold ids, and each would be a series of its own for good.
            name = route.path_format if route is not None else "unmatched"
            REQUESTS.labels(name, status).inc()
            SECONDS.labels(name).observe(time.perf_counter() - started)
