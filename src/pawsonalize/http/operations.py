"""Every operation of the native API; the routes and the docs read it."""

from urllib.parse import quote

import msgspec
from msgspec.inspect import type_info
from starlette.convertors import register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pawsonalize.access.limits import Lane, check_reach
from pawsonalize.domain.errors import InvalidInput, NotReady, PawsonalizeError
from pawsonalize.engine.ingest.decoder import (
    UNKNOWN_FIELD,
    UnknownFields,
    check_names,
    likely_name,
)
from pawsonalize.engine.ingest.misfits import form_of, inside
from pawsonalize.http import (
    animals,
    events,
    health,
    history,
    metrics,
    recommendations,
    reports,
    rerankings,
    resources,
    runs,
    users,
)
from pawsonalize.http.callers import admit, enter, leave, own_group
from pawsonalize.http.json import check_media_type, read_body
from pawsonalize.http.operation import UNKNOWN_FIELDS_HEADER, About, Endpoint, Operation
from pawsonalize.http.reports import note_action
from pawsonalize.http.services import Services
from pawsonalize.http.users import VisitorConvertor
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.storage.contexts import answering
from pawsonalize.wing import added


class InTime:
    """Requests, and the threads that they use, do not wait for a database that froze."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; each has a context of its own, so nothing is to be undone."""
        if scope["type"] == "http":
            answering.set(True)
        await self._app(scope, receive, send)


_MAX_NAMED = 20
_MAX_CHARS = 200


def checked(operation: Operation) -> Endpoint:
    """The operation's endpoint, for callers that it admits and parameters that it knows.

    A misspelt parameter is refused. Any other unknown one is named in a header of the answer, with
    the unknown fields of the body.
    """
    known = {one.name for one in operation.parameters if one.where == "query"}
    fields = _fields(operation.request)
    lane = Lane.ANSWERS if operation.about is About.ANSWER else Lane.WORK
    act = operation.endpoint

    async def audited(request: Request) -> Response:
        what = f"{operation.method} {operation.documented_path}"
        try:
            response = await act(request)
        except PawsonalizeError as error:
            await note_action(request, what, error)
            raise
        await note_action(request, what, response)
        return response

    async def endpoint(request: Request) -> Response:
        unknown = request.state.unknown_fields = UnknownFields()
        request.state.lane = lane
        await admit(request, operation.access)
        if operation.about is About.SERVICE and operation.access:
            check_reach(own_group(request), None)
        if operation.request is not None:
            check_media_type(request)
        if request.scope["query_string"]:
            given = request.query_params.keys()
            check_names(given, known, unknown, noun="parameter")
            _refuse_fields(given - known, fields)
        if operation.request is not None:
            await read_body(request)
        try:
            if operation.about is About.INVENTORY:
                await enter(request, DATASET_GROUP)
            response = await (audited(request) if operation.is_audited else act(request))
        finally:
            leave(request)
        if unknown:
            response.headers[UNKNOWN_FIELDS_HEADER] = _listed(unknown)
        return response

    return endpoint


def _fields(kind: object) -> list[str]:
    """The names that its body has; of a body that is but a list, those of its entries too."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return []
    known = msgspec.structs.fields(kind)
    names = [field.encode_name for field in known]
    entry = inside(type_info(known[0].type)) if len(known) == 1 else None
    form = None if entry is None else form_of(entry)
    return names if form is None else names + _fields(form.cls)


def _refuse_fields(given: set[str], fields: list[str]) -> None:
    for name in sorted(given):
        right = likely_name(name, fields)
        if right is not None:
            raise InvalidInput(
                f"there is no parameter {name}: write {right} in the body",
                field=name,
                code=UNKNOWN_FIELD,
            )


def _listed(unknown: UnknownFields) -> str:
    """The paths as a header may hold them: few, short and in ASCII."""
    paths = [quote(path[:_MAX_CHARS], safe="[]") for path in unknown]
    more = "many" if unknown.are_too_many else len(paths) - _MAX_NAMED
    rest = [f"and {more} more"] if len(paths) > _MAX_NAMED else []
    return ", ".join(paths[:_MAX_NAMED] + rest)


register_url_convertor("visitor", VisitorConvertor())


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

# The busiest first: of several paths that fit, the first answers.
OPERATIONS = (
    *recommendations.OPERATIONS,
    *rerankings.OPERATIONS,
    *events.OPERATIONS,
    *history.OPERATIONS,
    *users.OPERATIONS,
    *reports.OPERATIONS,
    *animals.OPERATIONS,
    *runs.OPERATIONS,
    *resources.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
    *added("operations"),
)


def routes() -> list[Route]:
    """The operations as routes, the busiest first; a path has one, so that a 405 names them all."""
    endpoints: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        endpoints.setdefault(operation.path, {})[operation.method] = checked(operation)
    return [
        Route(path, _one_of(by_method), methods=[*by_method])
        for path, by_method in endpoints.items()
    ]


_MONITORING = ("/healthz", "/readyz", "/metrics")


async def _refuse(request: Request) -> Response:
    """What a server says that has not the role to answer."""
    services: Services = request.app.state.services
    raise NotReady(
        f"this server does not answer: its roles are {', '.join(services.roles)}. Ask one that has"
        " the role serve",
        code="not_serving",
    )


def monitoring_routes() -> list[Route]:
    """What a server answers that has not the role to answer anything else."""
    own = [route for route in routes() if route.path in _MONITORING]
    return [*own, Route("/{path:path}", _refuse, methods=_METHODS)]


def _one_of(by_method: dict[str, Endpoint]) -> Endpoint:
    """The only endpoint of a path, or what chooses by the request's method."""
    if len(by_method) == 1:
        return next(iter(by_method.values()))

    async def chosen(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await by_method[method](request)

    return chosen
