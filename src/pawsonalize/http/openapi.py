"""GET /openapi.json, made from the operations, and GET /docs, a page that needs no network."""

from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pawsonalize import __version__
from pawsonalize.http.docs_page import render
from pawsonalize.http.errors import ErrorAnswer
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operation
from pawsonalize.http.operations import OPERATIONS

_REFERENCES = "#/components/schemas/{name}"


async def get_openapi(_request: Request) -> Response:
    """The OpenAPI 3.1 document."""
    return json_response(openapi())


async def get_docs(_request: Request) -> Response:
    """The same document for people."""
    return HTMLResponse(render(openapi()))


@cache
def openapi() -> dict[str, Any]:
    """The document; every type and example in it is the one that the code uses."""
    types = [kind for each in OPERATIONS for kind in (*each.request, *each.answer, *each.refusal)]
    types += [parameter.kind for each in OPERATIONS for parameter in each.parameters]
    types.append(ErrorAnswer)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCES)
    for schema in components.values():
        # Unknown fields are left out and named in a header: only misspelt ones are refused.
        schema.pop("additionalProperties", None)
    described = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.documented_path, {})[operation.method.lower()] = _document(
            operation, described
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pawsonalize",
            "version": __version__,
            "description": "Recommendations and re-rankings of adoptable animals, in real time.",
        },
        "paths": paths,
        "components": {"schemas": components},
    }


def _document(operation: Operation, described: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operationId": operation.endpoint.__name__,
        "summary": operation.summary,
        "responses": {
            str(operation.status): _answer(operation, described),
            "4XX": _error(
                "The request is wrong; the message names the next move.",
                (ErrorAnswer, *operation.refusal),
                described,
            ),
            "503": _error("Not now; send the request again.", (ErrorAnswer,), described),
        },
    }
    if operation.parameters:
        document["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.required,
                "description": parameter.description,
                "schema": described[repr(parameter.kind)],
            }
            for parameter in operation.parameters
        ]
    if operation.request:
        content: dict[str, Any] = {"schema": _any_of(operation.request, described)}
        content["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        document["requestBody"] = {"required": True, "content": {"application/json": content}}
    return document


def _answer(operation: Operation, described: dict[str, Any]) -> dict[str, Any]:
    if operation.status == HTTPStatus.NO_CONTENT:
        return {"description": operation.summary}
    if not operation.answer:
        return {"description": operation.summary, "content": {"text/plain": {}}}
    schema = _any_of(operation.answer, described)
    answer = {"description": operation.summary, "content": {"application/json": {"schema": schema}}}
    if operation.answer_headers:
        answer["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in operation.answer_headers.items()
        }
    return answer


def _error(description: str, kinds: tuple[Any, ...], described: dict[str, Any]) -> dict[str, Any]:
    schema = _any_of(kinds, described)
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _any_of(kinds: tuple[Any, ...], described: dict[str, Any]) -> dict[str, Any]:
    schemas = [described[repr(kind)] for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
