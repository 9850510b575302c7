"""GET /metrics, in Prometheus' text form, over all worker processes."""

import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawsonalize.http.services import Services

REQUESTS = Counter(
    "pawsonalize_requests_total", "Requests by route and status.", ("route", "status")
)
SECONDS = Histogram(
    "pawsonalize_request_seconds",
    "Time to answer, by route.",
    ("route",),
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENTS = Counter("pawsonalize_events_total", "Events by outcome.", ("outcome",))


async def get_metrics(request: Request) -> Response:
    """Counters and latencies of every worker process."""
    services: Services = request.app.state.services
    registry = REGISTRY
    if services.metrics_dir is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(services.metrics_dir))  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """ASGI middleware that counts requests and times them, by route rather than by path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note its status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
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
            name = route.path_format if route is not None else "unmatched"
            REQUESTS.labels(name, status).inc()
            SECONDS.labels(name).observe(time.perf_counter() - started)
