"""Errors as HTTP: one shape, `{"error": {"code", "message", "field"?}}`, one mapping table."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pawsonalize.core import errors
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.forms.decoder import Odd, Rejected
from pawsonalize.core.http.json import json_response
from pawsonalize.core.logs import get_logger

# The first class that fits counts: special ones stand before their bases.
_STATUS: tuple[tuple[type[PawsonalizeError], HTTPStatus], ...] = (
    (errors.InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (errors.WrongMediaType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (errors.InvalidInput, HTTPStatus.BAD_REQUEST),
    (errors.Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (errors.Forbidden, HTTPStatus.FORBIDDEN),
    (errors.TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.TrainingFailed, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.NotReady, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.StorageUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.StreamUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.EngineUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.NotDelivered, HTTPStatus.BAD_GATEWAY),
    (errors.NotFetched, HTTPStatus.BAD_GATEWAY),
    (errors.CorruptArtefact, HTTPStatus.SERVICE_UNAVAILABLE),
)

_CLIENT_GONE = 499  # nginx's

log = get_logger()


class ErrorDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error, with the next move."""

    code: str
    """For programs: it stays the same."""
    message: str
    """For people: what is wrong, and the next move."""
    field: str | None = None
    """Field of the input that is wrong, as in `itemMetadataList[2].itemId`."""


class EntryWarning(ErrorDetail, frozen=True):
    """A likely mistake in what was taken."""

    index: int | None = None
    """The first entry of the call that has it, from 0; left out where it is of no single one."""


def warnings_of(odd: Odd) -> list[EntryWarning] | UnsetType:
    """Return the warnings of entries that were taken; UNSET if there are none."""
    warnings = ((message, field, index) for (field, message), index in odd.items())
    return [EntryWarning("unknown_value", *warning) for warning in warnings] or UNSET


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The one shape of every error.

    A call of several entries of which none was taken has the counts of its receipt too, all 0.
    """

    error: ErrorDetail
    """The error."""
    rejected: list[Rejected] | UnsetType = UNSET
    """Of a call with several entries: what is wrong with each."""


def all_rejected_error(noun: str, rejected: Sequence[Rejected]) -> ErrorDetail:
    """Return the error of a call of which every entry was rejected."""
    first = rejected[0]
    if len(rejected) == 1:
        return ErrorDetail(first.code, first.message, first.field)
    message = f"none of the {len(rejected)} {noun}s was taken; of the first: {first.message}"
    return ErrorDetail("all_rejected", message, first.field)


def error_response(
    status: int, code: str, message: str, field: str | None = None, **headers: str
) -> Response:
    """Return the answer for an error, `ErrorAnswer` as JSON."""
    return json_response(ErrorAnswer(ErrorDetail(code, message, field)), status, headers=headers)


async def on_pawsonalize_error(request: Request, error: Exception) -> Response:
    """Translate an error raised on purpose."""
    assert isinstance(error, PawsonalizeError)
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request failed", route=_route(request), code=error.code, reason=str(error))
    headers = {}
    if isinstance(error, errors.Unauthenticated):
        headers = {"WWW-Authenticate": "Bearer"}
    elif isinstance(error, errors.TooManyRequests):
        headers = {"Retry-After": str(error.retry_after)}
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        headers = {"Retry-After": "1"}
    return error_response(status, error.code, error.message, error.field, **headers)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Translate what the router itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "_")
    message = {
        HTTPStatus.NOT_FOUND: "there is nothing at this path: see /docs",
        HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method: see /docs",
    }.get(status, error.detail)
    return error_response(status, code, message, **dict(error.headers or {}))


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Log an unforeseen error; the caller learns no more than that it happened."""
    log.error("unexpected error", route=_route(request), exc_info=error)
    return error_response(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "this is our fault: it has been logged"
    )


def _route(request: Request) -> str:
    # Not the path itself, which may have the id of a visitor: logs hold none.
    route = request.scope.get("route")
    return "unmatched" if route is None else str(route.path_format)


async def on_client_gone(_request: Request, _error: Exception) -> Response:
    """Answer a client that has closed the connection, so that metrics count it."""
    return Response(status_code=_CLIENT_GONE)


EXCEPTION_HANDLERS = {
    ClientDisconnect: on_client_gone,
    PawsonalizeError: on_pawsonalize_error,
    HTTPException: on_http_error,
    Exception: on_unexpected_error,
}
