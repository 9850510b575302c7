"""GET /openapi.json, made from the operations, the types of Python and their docstrings."""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import structs
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize import __version__
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.core.http.errors import ErrorAnswer
from pawsonalize.core.http.json import json_response
from pawsonalize.core.http.operation import (
    HIDDEN,
    UNKNOWN_FIELDS_HEADER,
    WANTED,
    Operation,
    field_docs,
)
from pawsonalize.core.plugin import installed
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.catalogue import KINDS

REFERENCE = "#/components/schemas/"
_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})

Schema = dict[str, Any]


def described(types: Sequence[object]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return schemas of types, by the text of the type in Python, and the components they use."""
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE + "{name}")
    # Of a public name there is one class. A dataclass of the domain has no other base.
    ours = ("pawsonalize.", *(one.folder for one in installed()))
    classes = {
        kind.__name__: kind
        for kind in (*_structs_below(msgspec.Struct), *object.__subclasses__())
        if str(kind.__module__).startswith(ours)
    }
    for name, component in components.items():
        # Unknown fields are left out and named in a header: only misspelt ones are refused.
        component.pop("additionalProperties", None)
        if name in classes:
            _describe_fields(component, classes[name])
    plain = {name: _plain(component) for name, component in components.items()}
    return dict(zip(map(repr, types), map(_plain, schemas), strict=True)), plain


def _structs_below(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for subclass in kind.__subclasses__():
        yield from _structs_below(subclass)
        yield subclass


def _describe_fields(component: Schema, kind: type) -> None:
    docs = field_docs(kind)
    properties = component.get("properties", {})
    if issubclass(kind, msgspec.Struct):
        docs = {field.encode_name: docs.get(field.name, "") for field in structs.fields(kind)}
    for name, schema in properties.items():
        if docs.get(name):
            properties[name] = {**schema, "description": docs[name]}
    for name, schema in [*properties.items()]:
        if schema.pop(HIDDEN, False):
            del properties[name]
        elif schema.pop(WANTED, False):
            component["required"] = [*component.get("required", []), name]


def _plain(schema: object) -> Any:
    """Return the schema without `anyOf` where a list of types is enough."""
    if isinstance(schema, list | tuple):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _plain(one) for name, one in schema.items()}
    if "anyOf" not in schema:
        return schema
    kinds = schema["anyOf"]
    for one in kinds:  # the description of the one alternative to null is that of all
        schema.setdefault("description", one.get("description"))
    return _merged(schema, kinds)


def _merged(schema: Schema, kinds: list[Schema]) -> Schema:
    named = [one.get("type") for one in kinds]
    if "integer" in named:  # then a number with nothing behind the point says nothing more
        kinds = [one for one in kinds if one != {"type": "number", "multipleOf": 1}]
    if {"type": "number"} in kinds:
        kinds = [one for one in kinds if one != {"type": "integer"}]
    listed = [one.get("type", []) for one in kinds]
    names = [name for one in listed for name in ([one] if isinstance(one, str) else one)]
    rest = {name: one for name, one in schema.items() if name != "anyOf" and one is not None}
    limits = [{key: one[key] for key in one if key not in {"type", "description"}} for one in kinds]
    keys = [key for one in limits for key in one]
    are_scalars = set(names) <= _SCALARS and len(names) >= len(kinds)
    if are_scalars and "enum" not in keys and len(set(keys)) == len(keys):
        merged = {key: value for one in limits for key, value in one.items()}
        return {**rest, "type": names if len(names) > 1 else names[0], **merged}
    return {**rest, "anyOf": kinds}


class Tag(msgspec.Struct, frozen=True):
    """A group of operations: those whose path begins so."""

    name: str
    description: str
    paths: tuple[str, ...]


def _read_tags() -> tuple[Tag, ...]:
    """Read `tags.toml`; the kinds of resources of a tag stand below it, too."""
    text = files(__package__).joinpath("tags.toml").read_text("utf-8")
    below: dict[str, list[str]] = {}
    for kind in KINDS.values():
        if kind.native is not None:
            below.setdefault(kind.native.tag, []).append(f"/v1/{kind.path}s")
    read = msgspec.convert(tomllib.loads(text)["tag"], tuple[Tag, ...])
    return tuple(
        msgspec.structs.replace(tag, paths=(*tag.paths, *below.get(tag.name, ()))) for tag in read
    )


TAGS = _read_tags()
_OF_PLUGINS = Tag("Plugins", "Operations that installed plugins add.", ("/",))

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
    """Answer with the OpenAPI 3.1 document."""
    return json_response(await run_in_threadpool(openapi))


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document; every type and example in it is the one that the code uses."""
    types = [kind for one in OPERATIONS for kind in (one.request, one.answer) if kind is not None]
    types += [parameter.kind for one in OPERATIONS for parameter in one.parameters]
    types.append(ErrorAnswer)
    schemas, components = described(types)
    paths: dict[str, dict[str, object]] = {}
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
        "tags": [
            {"name": tag.name, "description": tag.description}
            for tag in (*TAGS, _OF_PLUGINS)
            if tag is not _OF_PLUGINS or _OF_PLUGINS in map(_tag_of, paths)
        ],
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


def _tag_of(path: str) -> Tag:
    return next((tag for tag in TAGS if path.startswith(tag.paths)), _OF_PLUGINS)


def _security_schemes() -> dict[str, object]:
    docs = field_docs(Scope)
    return {
        scope.value: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "KEY.SECRET",
            "description": f"An access key with the scope `{scope}`. {docs.get(scope.name, '')}",
        }
        for scope in Scope
    }


def _document(operation: Operation, schemas: dict[str, Schema]) -> dict[str, object]:
    path = operation.documented_path
    document: dict[str, object] = {
        "operationId": operation.id,
        "tags": [_tag_of(path).name],
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
    if documented := [one for one in operation.parameters if one.is_documented]:
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
        content: dict[str, object] = {"schema": schemas[repr(operation.request)]}
        content["examples"] = {name: {"value": value} for name, value in operation.examples.items()}
        document["requestBody"] = {"required": True, "content": {"application/json": content}}
    elif operation.file_bytes:
        file = {"schema": {"type": "string", "format": "binary"}}
        document["requestBody"] = {"required": True, "content": {"application/octet-stream": file}}
    return document


def _good_answer(operation: Operation, schemas: dict[str, Schema]) -> dict[str, object]:
    phrase = HTTPStatus(operation.status).phrase
    if operation.status == HTTPStatus.NO_CONTENT:
        return {"description": phrase}
    if operation.answer is None:
        return {"description": phrase, "content": {"text/plain": {"schema": {"type": "string"}}}}
    answer = _answer(phrase, schemas[repr(operation.answer)])
    if operation.answer_headers:
        answer["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in operation.answer_headers.items()
        }
    return answer


def _answer(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
