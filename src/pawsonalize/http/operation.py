"""What an operation of the native API is: its path, its types, its examples, its parameters."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.unknown_fields import (
    UNKNOWN_FIELD,
    UnknownFields,
    check_names,
    meant,
)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class RequestParameter:
    """A path or query parameter."""

    name: str
    description: str
    kind: Any = str
    where: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: tuple[Any, ...] = ()
    """The types that an answer may have."""
    status: int = 200
    request: tuple[Any, ...] = ()
    """The types that a body may have."""
    refusal: tuple[Any, ...] = ()
    """The types of a 400 that says more than other errors do."""
    examples: dict[str, Any] = field(default_factory=dict)
    parameters: tuple[RequestParameter, ...] = ()
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def documented_path(self) -> str:
        """The path as OpenAPI writes it, `{user_id}` for `{user_id:path}`."""
        return re.sub(r":\w+}", "}", self.path)


UNKNOWN_FIELDS_HEADER = "Pawsonalize-Unknown-Fields"
_MAX_NAMED = 20
_MAX_CHARS = 200


def checked(operation: Operation) -> Endpoint:
    """The operation's endpoint, for requests whose parameters it knows.

    A misspelt parameter is refused. Any other unknown one is named in a header of the answer, with
    the unknown fields of the body.
    """
    known = {one.name for one in operation.parameters if one.where == "query"}
    fields = [name for kind in operation.request for name in _fields(kind)]
    act = operation.endpoint

    async def endpoint(request: Request) -> Response:
        unknown = request.state.unknown_fields = UnknownFields()
        if request.scope["query_string"]:
            given = request.query_params.keys()
            check_names(given, known, unknown, noun="parameter")
            _refuse_fields(given - known, fields)
        response = await act(request)
        if unknown:
            response.headers[UNKNOWN_FIELDS_HEADER] = _listed(unknown)
        return response

    return endpoint


def _fields(kind: object) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(kind)]
    return []


def _refuse_fields(given: set[str], fields: list[str]) -> None:
    for name in sorted(given):
        right = meant(name, fields)
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
