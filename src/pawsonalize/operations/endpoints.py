"""GET /healthz (the process lives), /readyz (it can answer), and /metrics for Prometheus."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import msgspec
import prometheus_client
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawsonalize.core.errors import NotReady, StorageUnavailable
from pawsonalize.core.http.operation import Operations, RequestParameter
from pawsonalize.core.metrics import REQUESTS, SECONDS
from pawsonalize.core.plugin import parts
from pawsonalize.core.roles import SERVE
from pawsonalize.core.scopes import ANYBODY, MONITOR
from pawsonalize.core.times import SECOND, iso
from pawsonalize.operations.addressing import is_monitor
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.campaigns import readiness
from pawsonalize.reports.service_figures import ServiceFigures

OPERATIONS = Operations()
_PROBLEMS = ("pawsonalize_problem", "1 for each problem that stands now.", ("name",))


class Health(msgspec.Struct, frozen=True):
    """The process lives."""

    status: str


class StandingProblem(msgspec.Struct, frozen=True):
    """Something that goes wrong and lasts; `since` is ISO 8601."""

    name: str
    message: str
    since: str


class CampaignReadiness(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign and the version it serves, null while it serves none."""

    name: str
    dataset_group: str
    solution_version: str | None


class ReadinessAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Solution versions served right now, by default and by every campaign, and the problems.

    `message` says what does not answer yet, or late; it is null where all is well. `roles` are
    what this server does; without `serve` it has no campaigns. Campaigns and problems are listed
    for keys that may monitor.
    """

    status: str
    solution_version: str | None
    message: str | None
    campaigns: list[CampaignReadiness]
    roles: tuple[str, ...]
    problems: tuple[StandingProblem, ...] = ()


@OPERATIONS.add("GET", "/healthz", ANYBODY)
async def get_healthz(_request: Request) -> Health:
    """Does the process live?"""
    return Health("ok")


@OPERATIONS.add(
    "GET",
    "/readyz",
    ANYBODY,
    parameters=(
        RequestParameter(
            "without", "`models`: to be ready to take data in is enough, for a new service."
        ),
    ),
)
async def get_readyz(request: Request) -> ReadinessAnswer:
    """Can it answer?

    200 when events can be stored and something can answer, else 503 with the reason. A server
    without the role `serve` needs nothing that answers; nor does `?without=models`, so that a new
    service gets its first data through a load balancer.
    """
    services = services_of(request)
    # This raises if the tables cannot be read.
    await services.read(services.log.head)
    # A trial write may wait for other writers, so it never runs where answers are made.
    if (reason := await run_in_threadpool(services.why_not_ready)) is not None:
        raise StorageUnavailable(reason)
    monitored = is_monitor(request)
    ready = partial(ReadinessAnswer, "ready", roles=services.roles)
    if SERVE not in services.roles:
        problems = await _problems(services) if monitored else ()
        return ready(None, None, [], problems=problems)
    entries = await services.read(services.directory.entries)
    orders = await services.read(services.animal_recommender.can_order, services.now())
    try:
        found = readiness(services.group_recommender, entries, orders_animals=orders)
    except NotReady as nothing_yet:
        if request.query_params.get("without") != "models":
            raise
        return ready(None, nothing_yet.message, [])
    if not monitored:
        return ready(None, found.message, [])
    campaigns = [
        CampaignReadiness(one.name, one.dataset_group, one.campaign.solution_version)
        for one in found.campaigns
    ]
    late = request.app.state.tenants.why_late()
    message = "; ".join(filter(None, (found.message, late))) or None
    problems = await _problems(services)
    return ready(found.solution_version, message, campaigns, problems=problems)


async def _problems(services: Services) -> tuple[StandingProblem, ...]:
    standing = await services.read(services.problems.standing, services.now())
    return tuple(StandingProblem(one.name, one.message, iso(one.since)) for one in standing)


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
