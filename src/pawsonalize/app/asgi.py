"""The ASGI app: HTTP interfaces to one engine, and its work in the background."""

import asyncio
import gc
import multiprocessing
import resource
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import cache, partial
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.app.app import opened_app, plugin_tasks, start_plugins
from pawsonalize.app.http.openapi import get_openapi, openapi
from pawsonalize.app.http.operations import MarkAnswering, monitoring_routes, routes
from pawsonalize.app.settings import Settings, load_settings, read_settings
from pawsonalize.app.upkeep import archive_new
from pawsonalize.aws.dispatch import routes as aws_routes
from pawsonalize.core.http.connections import Connection, Connections
from pawsonalize.core.http.errors import EXCEPTION_HANDLERS, on_http_error
from pawsonalize.core.http.tls import Certificate, Handshake, open_certificate
from pawsonalize.core.logs import configure_logs
from pawsonalize.core.plugin import added, parts
from pawsonalize.core.roles import SERVE, WORK
from pawsonalize.core.work.processes import at_the_end_signal, end_after
from pawsonalize.core.work.tasks import attempt, in_background
from pawsonalize.operations.endpoints import RequestMetrics
from pawsonalize.operations.guard import Guard, TrustedProxies
from pawsonalize.site.api_pages import routes as api_routes
from pawsonalize.site.embedding import embed_routes
from pawsonalize.site.forms import answer_no_page
from pawsonalize.site.rendering import static_files
from pawsonalize.site.routes import routes as site_routes

# Files that a worker may have open beside its connections: tables, models, logs.
RESERVED_FILES = 512


def connection(**given: object) -> asyncio.Protocol:
    """Make a connection, plain or TLS, of the arguments that uvicorn gives."""
    make = partial(Connection, _connections(), **given)
    certificate = _certificate()
    return make() if certificate is None else Handshake(make, _connections(), certificate)


@cache
def _certificate() -> Certificate | None:
    settings = load_settings()
    return open_certificate(settings.tls_certificate, settings.tls_key)


@cache
def _connections() -> Connections:
    settings = load_settings()
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return Connections(settings, settings.max_connections)
    # Where few files may be open, connections get half of them.
    most = max(files - RESERVED_FILES, files // 2)
    return Connections(settings, min(settings.max_connections, most))


_SWITCH_SECONDS = 0.0005
_COLLECT_AFTER = 700  # new objects; more would take longer at a time than an answer may wait
_FOR_PROGRAMS = ("v1", "aws", "console")  # at their addresses an error is JSON
_MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


def asgi() -> Starlette:
    """Return the app of one worker process, by the settings in file and environment."""
    settings, written = read_settings()
    # Writers run in threads beside the event loop; by default each makes it wait for 5 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    configure_logs(settings.log_format, settings.log_level, only_news=settings.is_demo)
    if (supervisor := multiprocessing.parent_process()) is not None:
        end_after(supervisor.join)
    return build_app(settings, loaded=_freeze_loaded_objects, sources=written.sources)


def _freeze_loaded_objects() -> None:
    """Take all present objects out of garbage collection, which goes on from here."""
    # They live as long as the process; to walk through 300,000 animals stops answers for 0.2 s.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def build_app(
    settings: Settings,
    loaded: Callable[[], object] | None = None,
    sources: Mapping[str, str] | None = None,
) -> Starlette:
    """The ASGI app; adapters open when it starts and close, drained, when it stops.

    `loaded` is called once, before the first request, when all that answers need is in memory.
    `sources` says where settings were written, for people who look.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with opened_app(settings, sources) as service, ExitStack() as stack:
            stack.enter_context(service.taking_part())
            # Requests in flight are answered before the server ends; these would let it wait.
            stack.enter_context(at_the_end_signal(service.outcomes.close))
            app.state.services, app.state.aws = service, service
            app.state.plugins = start_plugins(service, stack)
            more = plugin_tasks(service, app.state.plugins)
            app.state.admission, app.state.tenants = service.admission, service.tenants
            app.state.storefront = service.storefront()
            service.catch_up()
            if loaded is not None:
                loaded()
            async with in_background([*service.tasks(), *more], service.problems):
                yield
            service.reports.close()
            service.close()
            if settings.has_role(WORK):
                # What no round archived yet would wait until a server starts again.
                attempt("archive new", partial(archive_new, service.archiver))

    return Starlette(
        routes=_routes(settings),
        middleware=[
            Middleware(TrustedProxies, settings.proxies),
            Middleware(RequestMetrics),
            *(Middleware(one) for one in added("middleware")),
            Middleware(Guard),
            Middleware(MarkAnswering),
        ],
        exception_handlers=EXCEPTION_HANDLERS
        | ({HTTPException: _on_http_error} if settings.serves_site else {}),
        lifespan=lifespan,
    )


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown path or method: browsers get a page, programs get JSON."""
    # The address of a form is one too: that of a page which says what did not work.
    is_missing = isinstance(error, HTTPException) and error.status_code in _MISSING
    is_page = request.url.path.split("/")[1] not in _FOR_PROGRAMS
    if is_missing and is_page and "text/html" in request.headers.get("accept", ""):
        return await answer_no_page(request)
    return await on_http_error(request, error)


def _routes(settings: Settings) -> list[BaseRoute]:
    if not settings.has_role(SERVE):
        return [*monitoring_routes()]
    return [
        *routes(),
        *aws_routes(),
        Route("/openapi.json", get_openapi),
        *api_routes(openapi),
        *embed_routes(has_pages=settings.serves_site),
        *static_files(),
        *(route for _, pages in parts("pages") for route in pages()),
        *(site_routes() if settings.serves_site else ()),
    ]
