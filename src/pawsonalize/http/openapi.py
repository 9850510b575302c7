"""GET /openapi.json, made from the operations."""

from functools import cache
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize import __version__
from pawsonalize.http.errors import ErrorAnswer
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import UNKNOWN_FIELDS_HEADER, Operation
from pawsonalize.http.operations import OPERATIONS
from pawsonalize.http.schemas import Schema, described, field_docs
from pawsonalize.http.tags import TAGS, tag_of
from pawsonalize.kinds.access_keys import Scope

_INTRODUCTION = f"""\
Recommendations and re-rankings of adoptable animals, in real time.

Send JSON, and a key as `Authorization: Bearer KEY.SECRET` where keys are required. Each operation\
 lists the scopes of keys that admit to it; one of them is enough. A server that listens to its own\
 machine alone needs no key.

`id` is the id of the very thing it stands in. Beside that, `itemId` is always an animal group, as\
 `2-Saint_Bernard-3-2`, and `animalId` an animal. Two payloads that sites send already keep\
 their own names: `animal_id` in events, and `itemId` for an animal in the list of a re-ranking.

A field that looks misspelt is refused with the right name. Other unknown fields change nothing;\
 the header `{UNKNOWN_FIELDS_HEADER}` of the answer names them.
"""
_REFUSED = "The request is wrong. The message says what to do, `field` where."
_UNAVAILABLE = "Not now. Send the request again after as many seconds as `Retry-After` says."


async def get_openapi(_request: Request) -> Response:
    """The OpenAPI 3.1 document."""
    return json_response(await run_in_threadpool(openapi))


@cache
def openapi() -> dict[str, Any]:
    """The document; every type and example in it is the one that the code uses."""
    types = [kind for one in OPERATIONS for kind in (one.request, one.answer) if kind is not None]
    types += [parameter.kind for one in OPERATIONS for parameter in one.parameters]
    types.append(ErrorAnswer)
    schemas, components = described(types)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.documented_path, {})[operation.method.lower()] = _document(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pawsonalize",
            "version": __version__,
            "summary": "Which animal will this adopter love?",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that gave you this document."}],
        "tags": [{"name": tag.name, "description": tag.description} for tag in TAGS],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Refused": _answer(_REFUSED, schemas[repr(ErrorAnswer)]),
                "Unavailable": _answer(_UNAVAILABLE, schemas[repr(ErrorAnswer)]),
            },
            "securitySchemes": _security_schemes(),
        },
    }


def _security_schemes() -> dict[str, Any]:
    said = field_docs(Scope)
    return {
        scope.value: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "KEY.SECRET",
            "description": f"An access key with the scope `{scope}`. {said.get(scope.name, '')}",
        }
        for scope in Scope
    }


def _document(operation: Operation, schemas: dict[str, Schema]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [tag_of(operation.documented_path).name],
        "summary": operation.summary,
        "security": [{scope.value: []} for scope in Scope if scope in operation.access],
        "responses": {
            str(operation.status): _good_answer(operation, schemas),
            "4XX": {"$ref": "#/components/responses/Refused"},
            "503": {"$ref": "#/components/responses/Unavailable"},
        },
    }
    if operation.notes:
        document["description"] = operation.notes
    documented = [one for one in operation.parameters if one.is_documented]
    if documented:
        document["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.required,
                "description": parameter.description,
                "schema": schemas[repr(parameter.kind)],
            }
            for parameter in documented
        ]
    if operation.request is not None:
        content: dict[str, Any] = {"schema": schemas[repr(operation.request)]}
        content["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        document["requestBody"] = {"required": True, "content": {"application/json": content}}
    return document


def _good_answer(operation: Operation, schemas: dict[str, Schema]) -> dict[str, Any]:
    said = HTTPStatus(operation.status).phrase
    if operation.status == HTTPStatus.NO_CONTENT:
        return {"description": said}
    if operation.answer is None:
        return {"description": said, "content": {"text/plain": {"schema": {"type": "string"}}}}
    answer = _answer(said, schemas[repr(operation.answer)])
    if operation.answer_headers:
        answer["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in operation.answer_headers.items()
        }
    return answer


def _answer(said: str, schema: Schema) -> dict[str, Any]:
    return {"description": said, "content": {"application/json": {"schema": schema}}}
