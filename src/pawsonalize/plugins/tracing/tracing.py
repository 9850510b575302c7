"""Traces by OpenTelemetry: a span for each request, with those of model and database in it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawsonalize import __version__
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import needing
from pawsonalize.plugins.tracing import TracingSettings
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.groups import GroupRecommender

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

    from pawsonalize.app.adapters import Adapters

_SPANNED: Mapping[type, tuple[str, ...]] = {
    GroupRecommender: ("recommend", "rerank", "score_groups"),
    AnimalRecommender: ("recommend", "rerank", "similar"),
    Database: ("reading", "writing", "rows"),
}
_BLOCKS = ("reading", "writing")
_SERVER_ERROR = 500
_PROPAGATED = (b"traceparent", b"tracestate")


# Off, nothing of it is imported or called. A span never says who asked or for whom: it has a
# method, a route and a status, and of an error the type alone, since its message may name a
# visitor.
def check_tracing(settings: Settings) -> None:
    """InvalidInput if traces are wanted and the extra is missing."""
    if settings.part(TracingSettings).traces_url:
        with needing("otel", "traces_url needs OpenTelemetry", "traces_url"):
            import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415
            import opentelemetry.instrumentation.utils  # noqa: F401, PLC0415


@contextmanager
def tracing(adapters: "Adapters", *_parts: object) -> Iterator[None]:
    """Make spans while the block runs, if there is a `traces_url`; send the last at its end."""
    settings = adapters.settings
    if not (url := settings.part(TracingSettings).traces_url):
        yield
        return
    check_tracing(settings)
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    with tracing_to(BatchSpanProcessor(trace_exporter.OTLPSpanExporter(endpoint=url))):
        yield


@contextmanager
def tracing_to(processor: "SpanProcessor") -> Iterator[None]:
    """Hand all spans to that processor while the block runs."""
    from opentelemetry.instrumentation.utils import unwrap  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from wrapt import wrap_function_wrapper  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME", "pawsonalize")
    resource = Resource.create({"service.name": name, "service.version": __version__})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("pawsonalize", __version__)
    with ExitStack() as stack:
        stack.callback(provider.shutdown)
        for kind, methods in _SPANNED.items():
            room = "storage" if kind is Database else "model"
            for method in methods:
                name = f"{room} {kind.__name__}.{method}"
                wrap_function_wrapper(kind, method, _in_span(tracer, name, method in _BLOCKS))
                stack.callback(unwrap, kind, method)
        RequestSpans.tracer = tracer
        stack.callback(setattr, RequestSpans, "tracer", None)
        yield


def _in_span(tracer: "Tracer", name: str, is_block: bool) -> Callable[..., object]:
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    def spanned(own: Callable[..., object], _of: object, args: Any, kwargs: Any) -> object:
        if not get_current_span().is_recording():  # background work reads the tables all the time
            return own(*args, **kwargs)
        if is_block:
            return _block(own(*args, **kwargs))
        with _span(tracer, name):
            return own(*args, **kwargs)

    @contextmanager
    def _block(block: Any) -> Iterator[object]:
        with _span(tracer, name), block as value:
            yield value

    return spanned


@contextmanager
def _span(tracer: "Tracer", name: str, **details: Any) -> Iterator[Any]:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    with tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **details
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise


class RequestSpans:
    """ASGI middleware: a span for each request, if there is a tracer."""

    tracer: ClassVar["Tracer | None"] = None

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within a span that goes on with the caller's trace."""
        tracer = RequestSpans.tracer
        if tracer is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415

        sent = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _PROPAGATED
        }
        with _span(tracer, scope["method"], context=extract(sent), kind=SpanKind.SERVER) as span:
            span.set_attribute("http.request.method", scope["method"])

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= _SERVER_ERROR:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, noting)
            finally:  # the route is known once the request was routed
                route = scope.get("route")
                path = route.path_format if route is not None else "unmatched"
                span.update_name(f"{scope['method']} {path}")
                span.set_attribute("http.route", path)


MIDDLEWARE = (RequestSpans,)
USABLE = (check_tracing,)
