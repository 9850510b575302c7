"""Endpoints for callers that their operations admit, and parameters that they know."""

from urllib.parse import quote

import msgspec
from msgspec.inspect import type_info
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.access.tenants import Lane, check_reach
from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.engine.ingest.decoding.misfits import form_of, inside
from pawsonalize.engine.ingest.decoding.unknown_fields import (
    UNKNOWN_FIELD,
    UnknownFields,
    check_names,
    likely_name,
)
from pawsonalize.http.audit import note_action
from pawsonalize.http.callers import admit
from pawsonalize.http.json import check_media_type, read_body
from pawsonalize.http.operation import UNKNOWN_FIELDS_HEADER, About, Endpoint, Operation
from pawsonalize.http.tenants import enter, leave, own_group
from pawsonalize.kinds.defaults import DATASET_GROUP

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
