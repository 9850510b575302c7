"""All operations of the native API as routes, with the checks that they share."""

from contextlib import suppress
from urllib.parse import quote

import msgspec
from msgspec.inspect import type_info
from starlette.convertors import register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pawsonalize.animals import endpoints as animals
from pawsonalize.core.database.journal import AuditEntry
from pawsonalize.core.database.statements import answering
from pawsonalize.core.errors import InvalidInput, NotReady, PawsonalizeError
from pawsonalize.core.forms.decoder import (
    UNKNOWN_FIELD,
    UnknownFields,
    check_names,
    form_of,
    inside,
    likely_name,
)
from pawsonalize.core.http.json import check_media_type, read_body
from pawsonalize.core.http.operation import UNKNOWN_FIELDS_HEADER, About, Endpoint, Operation
from pawsonalize.core.plugin import added
from pawsonalize.events import endpoints as events
from pawsonalize.events.endpoints import VisitorConvertor
from pawsonalize.operations import endpoints as monitoring
from pawsonalize.operations.addressing import admit, caller_of, enter, leave, own_group
from pawsonalize.operations.guard import ANYBODY_CALLED, note
from pawsonalize.operations.limits import Lane, check_reach
from pawsonalize.operations.services import services_of
from pawsonalize.recommend.endpoints import recommendations, rerankings
from pawsonalize.reports import endpoints as reports
from pawsonalize.resources import endpoints
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.train import endpoints as runs

register_url_convertor("visitor", VisitorConvertor())

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_MONITORING = ("/healthz", "/readyz", "/metrics")
_MAX_NAMED = 20
_MAX_CHARS = 200
_NAMES = ("name", "run_id", "animal_id", "letter_id")  # of a path; ids of visitors are not noted

# The busiest first: of several paths that fit, the first answers.
OPERATIONS = (
    *recommendations.OPERATIONS,
    *rerankings.OPERATIONS,
    *events.OPERATIONS,
    *reports.OPERATIONS,
    *added("operations"),  # before those of animals, whose ids may be any path
    *animals.OPERATIONS,
    *runs.OPERATIONS,
    *endpoints.OPERATIONS,
    *monitoring.OPERATIONS,
)


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


class MarkAnswering:
    """Middleware: in a request and its threads, database calls give up rather than wait long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set `answering` in the context of a request, and pass it on."""
        # Each request has a context of its own, so nothing is to be undone.
        if scope["type"] == "http":
            answering.set(True)
        await self._app(scope, receive, send)


def routes() -> list[Route]:
    """Return the operations as routes, busiest first."""
    # One route for a path, so that a 405 names all of its methods.
    endpoints: dict[str, dict[str, Endpoint]] = {}
    for operation in OPERATIONS:
        endpoints.setdefault(operation.path, {})[operation.method] = checked(operation)
    return [
        Route(path, _one_of(by_method), methods=[*by_method])
        for path, by_method in endpoints.items()
    ]


def monitoring_routes() -> list[Route]:
    """Return the routes of a server without the role to answer anything else."""
    own = [route for route in routes() if route.path in _MONITORING]
    return [*own, Route("/{path:path}", _refuse, methods=_METHODS)]


async def _refuse(request: Request) -> Response:
    services = services_of(request)
    raise NotReady(
        f"this server does not answer: its roles are {', '.join(services.roles)}. Ask one that has"
        " the role serve",
        code="not_serving",
    )


def _one_of(by_method: dict[str, Endpoint]) -> Endpoint:
    if len(by_method) == 1:
        return next(iter(by_method.values()))

    async def chosen(request: Request) -> Response:
        return await by_method["GET" if request.method == "HEAD" else request.method](request)

    return chosen


def checked(operation: Operation) -> Endpoint:
    """Return the operation's endpoint, for callers that it admits and parameters that it knows."""
    # A misspelt parameter is refused. Any other unknown one is named in a header of the answer,
    # with the unknown fields of the body.
    known = {parameter.name for parameter in operation.parameters if parameter.where == "query"}
    fields = _fields(operation.request)
    has_body = operation.request is not None or operation.file_bytes > 0
    lane = Lane.ANSWERS if operation.about is About.ANSWER else Lane.WORK
    act = _audited(operation) if operation.is_audited else operation.endpoint

    async def endpoint(request: Request) -> Response:
        unknown = request.state.unknown_fields = UnknownFields()
        request.state.lane = lane
        # First of all: callers without a key learn nothing of parameters and bodies.
        await admit(request, operation.access)
        if operation.about is About.SERVICE and operation.access:
            check_reach(own_group(request), None)
        if operation.request is not None:
            check_media_type(request)
        if request.scope["query_string"]:
            given = request.query_params.keys()
            check_names(given, known, unknown, noun="parameter")
            for name in sorted(given - known):
                if (right := likely_name(name, fields)) is not None:
                    message = f"there is no parameter {name}: write {right} in the body"
                    raise InvalidInput(message, field=name, code=UNKNOWN_FIELD)
        if has_body:  # before it takes a slot: a client may send slowly
            await read_body(request, operation.file_bytes or None)
        try:
            if operation.about is About.INVENTORY:
                await enter(request, DATASET_GROUP)
            response = await act(request)
        finally:
            leave(request)
        if unknown:
            response.headers[UNKNOWN_FIELDS_HEADER] = _listed(unknown)
        return response

    return endpoint


def _audited(operation: Operation) -> Endpoint:
    """Return the operation's endpoint; each call and its end are noted in the audit log."""
    what = f"{operation.method} {operation.documented_path}"

    async def endpoint(request: Request) -> Response:
        path = request.path_params
        target = next((str(path[name]) for name in _NAMES if name in path), None)
        try:
            response = await operation.endpoint(request)
        except PawsonalizeError as error:
            await noted(request, target, error.code)
            raise
        if target is None:
            with suppress(msgspec.MsgspecError):  # what the answer names is new
                target = _NAMED.decode(response.body).name
        await noted(request, target, str(response.status_code))
        return response

    async def noted(request: Request, target: str | None, outcome: str) -> None:
        services = services_of(request)
        who = caller_of(request).key_id or ANYBODY_CALLED
        await note(services.audit, AuditEntry(services.now(), who, what, target, outcome))

    return endpoint


def _fields(kind: object) -> list[str]:
    """Return the field names of a body; if it is but one list, those of its entries too."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return []
    known = msgspec.structs.fields(kind)
    names = [field.encode_name for field in known]
    entry = inside(type_info(known[0].type)) if len(known) == 1 else None
    form = None if entry is None else form_of(entry)
    return names if form is None else names + _fields(form.cls)


def _listed(unknown: UnknownFields) -> str:
    """Return the paths as a header may hold them: few, short and in ASCII."""
    paths = [quote(path[:_MAX_CHARS], safe="[]") for path in unknown.values()]
    more = "many" if unknown.are_too_many else len(paths) - _MAX_NAMED
    rest = [f"and {more} more"] if len(paths) > _MAX_NAMED else []
    return ", ".join(paths[:_MAX_NAMED] + rest)
