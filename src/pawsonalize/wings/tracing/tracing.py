"""Traces by OpenTelemetry: a span for each request, and within it for the model and the database.

Off, nothing of it is imported or called. A span never holds who asked or for whom: the middleware
sees a request without its path, query, address and headers, and an error by its type alone.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawsonalize import __version__
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.settings import Settings
from pawsonalize.storage.database import Database
from pawsonalize.wings.tracing.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

_MODEL: Sequence[tuple[type, str]] = (
    (Runtime, "recommend"),
    (Runtime, "rerank"),
    (Runtime, "score_groups"),
    (Individuals, "recommend"),
    (Individuals, "rerank"),
    (Individuals, "similar"),
)
_STORAGE: Sequence[tuple[type, str]] = (
    (Database, "reading"),
    (Database, "writing"),
    (Database, "rows"),
)
_PROPAGATED = frozenset({b"traceparent", b"tracestate"})
_REAL = "pawsonalize.scope"
_FAILED = "pawsonalize.failed"


def check_tracing(settings: Settings) -> None:
    """InvalidInput if traces are wanted and the extra is missing."""
    if settings.part(TracingSettings).traces_url:
        try:
            import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415
            import opentelemetry.instrumentation.asgi  # noqa: F401, PLC0415
        except ModuleNotFoundError as error:
            raise InvalidInput(
                "traces_url needs OpenTelemetry: pip install 'pawsonalize[otel]'",
                field="traces_url",
            ) from error


@contextmanager
def tracing(settings: Settings) -> Iterator[None]:
    """Make spans while the block runs, if `traces_url` says where to; send the last at its end."""
    if not settings.part(TracingSettings).traces_url:
        yield
        return
    check_tracing(settings)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    with tracing_to(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.part(TracingSettings).traces_url))
    ):
        yield


@contextmanager
def tracing_to(processor: "SpanProcessor") -> Iterator[None]:
    """Hand all spans to that processor while the block runs."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME", "pawsonalize")
    resource = Resource.create({"service.name": name, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("pawsonalize", __version__)
    with ExitStack() as stack:
        stack.callback(provider.shutdown)
        for room, methods in (("model", _MODEL), ("storage", _STORAGE)):
            for kind, method in methods:
                spanned = _in_span(tracer, room, kind, method)
                stack.enter_context(_replaced(kind, method, spanned))
        RequestSpans.tracer = tracer
        stack.callback(setattr, RequestSpans, "tracer", None)
        yield


@contextmanager
def _replaced(kind: type, method: str, other: Callable[..., Any]) -> Iterator[None]:
    own = getattr(kind, method)
    setattr(kind, method, other)
    try:
        yield
    finally:
        setattr(kind, method, own)


def _in_span(tracer: "Tracer", room: str, kind: type, method: str) -> Callable[..., Any]:
    """The method within a span; a context manager's span is as long as its block.

    Outside a request there is none: background work reads the tables all the time.
    """
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    own, name = getattr(kind, method), f"{room} {kind.__name__}.{method}"

    @wraps(own)
    def spanned(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not get_current_span().is_recording():
            return own(self, *args, **kwargs)
        if room == "storage" and method != "rows":
            return _spanned_block(tracer, name, own(self, *args, **kwargs))
        with _span(tracer, name):
            return own(self, *args, **kwargs)

    return spanned


@contextmanager
def _spanned_block(tracer: "Tracer", name: str, block: Any) -> Iterator[Any]:
    with _span(tracer, name), block as given:
        yield given


@contextmanager
def _span(tracer: "Tracer", name: str) -> Iterator[None]:
    """A span that says of an error its type alone: its message may name a visitor."""
    with tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            _note_failure(span, error)
            raise


def _note_failure(span: Any, error: BaseException) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)


class RequestSpans:
    """ASGI middleware: OpenTelemetry's own, which is shown a request that says nothing of anyone.

    Without a tracer it passes every request on as it is.
    """

    tracer: ClassVar["Tracer | None"] = None

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._traced: tuple[Tracer, ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within a span if there is a tracer."""
        tracer = RequestSpans.tracer
        if tracer is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _seen(scope)
        await self._within(tracer)(seen, receive, send)
        if _FAILED in seen:
            raise seen[_FAILED]

    def _within(self, tracer: "Tracer") -> ASGIApp:
        if self._traced is None or self._traced[0] is not tracer:
            from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: PLC0415

            traced = OpenTelemetryMiddleware(
                self._answer, tracer=tracer, exclude_spans=["receive", "send"]
            )
            self._traced = (tracer, traced)
        return self._traced[1]

    async def _answer(self, seen: Scope, receive: Receive, send: Send) -> None:
        """What the middleware calls: the app, with the request as it came."""
        from opentelemetry.trace import get_current_span  # noqa: PLC0415

        span, real = get_current_span(), seen[_REAL]

        async def naming(message: Message) -> None:
            if message["type"] == "http.response.start":  # the span ends with the last byte
                _name(span, real)
            await send(message)

        try:
            await self._app(real, receive, naming)
        except Exception as error:  # noqa: BLE001 - raised anew outside the span
            _name(span, real)
            _note_failure(span, error)
            seen[_FAILED] = error


def _name(span: Any, scope: Scope) -> None:
    """Name the span by its route, which is known once the request was routed."""
    route = scope.get("route")
    path = route.path_format if route is not None else "unmatched"
    span.update_name(f"{scope['method']} {path}")
    span.set_attribute("http.route", path)


def _seen(scope: Scope) -> Scope:
    """The request as the middleware may see it, and beside it as it is."""
    return {
        "type": "http",
        "asgi": scope.get("asgi", {}),
        "http_version": scope["http_version"],
        "method": scope["method"],
        "scheme": scope["scheme"],
        "path": "/",
        "query_string": b"",
        "headers": [pair for pair in scope["headers"] if pair[0] in _PROPAGATED],
        _REAL: scope,
    }
