"""/docs: the API for people, made from its document, with a form to try each operation."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup, escape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.site.rendering import page, prose

Document = Mapping[str, Any]

_PREFIX = "#/components/schemas/"
_ERROR_TYPES = ("ErrorAnswer", "ErrorDetail", "Rejected")


def tags_of(document: Document) -> dict[str, SimpleNamespace]:
    """Return the groups of the document, with operations and types, by their names in addresses."""
    found = {}
    for tag in document["tags"]:
        own = [
            (method, path, one)
            for path, methods in document["paths"].items()
            for method, one in methods.items()
            if tag["name"] in one["tags"]
        ]
        slug = tag["name"].lower()
        found[slug] = SimpleNamespace(
            name=tag["name"],
            slug=slug,
            description=prose(tag["description"]),
            operations=[_operation(method.upper(), path, one) for method, path, one in own],
            types=[
                table_of(name, document) for name in _reached([one for *_, one in own], document)
            ],
        )
    return found


def _operation(method: str, path: str, one: Mapping[str, Any]) -> SimpleNamespace:
    content = one.get("requestBody", {}).get("content", {}).get("application/json")
    status, answer = next(iter(one["responses"].items()))
    examples = {} if content is None else content.get("examples", {})
    return SimpleNamespace(
        id=one["operationId"],
        method=method,
        path=path,
        # Not every POST does: some are questions.
        changes_data=method != "GET" and "/recommendations" not in path,
        summary=prose(one["summary"]),
        description=prose(one.get("description", "")),
        scopes=[name for way in one["security"] for name in way],
        parameters=[
            _row(given["name"], given, given["schema"], given["required"], given["in"])
            for given in one.get("parameters", ())
        ],
        body=None if content is None else kind_of(content["schema"]),
        examples=[
            (name, json.dumps(given["value"], indent=2, ensure_ascii=False))
            for name, given in examples.items()
        ],
        status=f"{status} {answer['description']}",
        answer=_answered(answer),
        headers=[
            _row(name, given, given["schema"], True)
            for name, given in answer.get("headers", {}).items()
        ],
    )


def _row(
    name: str,
    one: Mapping[str, Any],
    schema: Mapping[str, object],
    is_required: bool,
    where: str = "",
) -> SimpleNamespace:
    """Return a line of a table: a parameter in a path or query, a header or a field of a type."""
    return SimpleNamespace(
        name=name,
        kind=kind_of(schema),
        is_required=is_required,
        description=prose(one.get("description", "")),
        where=where,
    )


def _answered(answer: Mapping[str, Any]) -> Markup:
    content = answer.get("content")
    if content is None:
        return Markup("nothing")
    kind, given = next(iter(content.items()))
    return kind_of(given["schema"]) if kind == "application/json" else Markup("text")


def kind_of(schema: Mapping[str, object]) -> Markup:
    """Describe the type of a value; a type of its own is a link to its table."""
    words = [_kind(schema)]
    if "default" in schema and schema["default"] not in (None, [], {}, ""):
        words.append(Markup("default <code>{}</code>").format(json.dumps(schema["default"])))
    return Markup(", ").join(words)


def _kind(schema: Mapping[str, Any]) -> Markup:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX)
        return Markup('<a href="#type-{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"] if one != {"type": "null"}]
        return Markup(" or ").join(kinds)
    if "enum" in schema:
        return Markup(" or ").join(Markup("<code>{}</code>").format(one) for one in schema["enum"])
    names = schema.get("type", "anything")
    plain = [names] if isinstance(names, str) else [one for one in names if one != "null"]
    return Markup(" or ").join(_named(name, schema) for name in plain)


def _named(name: str, schema: Mapping[str, Any]) -> Markup:
    if name == "array":
        least, most = schema.get("minItems"), schema.get("maxItems")
        bounds = f", {least or 0} to {most:,}" if most is not None else ""
        return Markup("list of {}{}").format(_kind(schema.get("items", {})), bounds)
    if name == "object":
        values = schema.get("additionalProperties")
        return Markup("object of {}").format(_kind(values)) if values else Markup("object")
    words = {"string": "text", "number": "number", "integer": "whole number"}.get(name, name)
    low, high = schema.get("minimum"), schema.get("maximum")
    if name in {"number", "integer"} and low is not None:
        words += f", {low:g} to {high:g}" if high is not None else f", {low:g} or more"
    return escape(words)


def _reached(operations: Sequence[Mapping[str, object]], document: Document) -> list[str]:
    found: dict[str, None] = {}
    waiting = [name for one in operations for name in _references(one)]
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting += _references(document["components"]["schemas"][name])
    return list(found)


def _references(part: object) -> list[str]:
    if isinstance(part, Mapping):
        own = str(part.get("$ref", ""))
        named = [own.removeprefix(_PREFIX)] if own.startswith(_PREFIX) else []
        inside = [value for key, value in part.items() if key != "examples"]
        return named + [name for value in inside for name in _references(value)]
    if isinstance(part, list):
        return [name for one in part for name in _references(one)]
    return []


def table_of(name: str, document: Document) -> SimpleNamespace:
    """Return a type of the document with its fields."""
    schema = document["components"]["schemas"][name]
    required = schema.get("required", ())
    return SimpleNamespace(
        name=name,
        description=prose(schema.get("description", "")),
        fields=[
            _row(field, one, one, field in required)
            for field, one in schema.get("properties", {}).items()
        ],
    )


def routes(document: Callable[[], Document]) -> list[BaseRoute]:
    """Return the pages of the API; its document is made when it is first needed."""

    @cache
    def tags() -> Mapping[str, SimpleNamespace]:
        return tags_of(document())

    async def get_docs(_request: Request) -> Response:
        return await run_in_threadpool(lambda: _overview(document(), tags()))

    def tag_page(request: Request) -> Response:
        if (current := tags().get(request.path_params["tag"])) is None:
            return page("api_missing.html", 404, tags=tags(), current=None)
        base = str(request.base_url).rstrip("/")
        return page("api_tag.html", tags=tags(), current=current, base=base)

    async def get_tag(request: Request) -> Response:
        return await run_in_threadpool(tag_page, request)

    return [Route("/docs", get_docs), Route("/docs/{tag}", get_tag)]


def _overview(document: Document, tags: Mapping[str, SimpleNamespace]) -> Response:
    return page(
        "api_overview.html",
        tags=tags,
        current=None,
        version=document["info"]["version"],
        paragraphs=[prose(one) for one in document["info"]["description"].split("\n\n")],
        schemes=[
            (name, prose(one["description"]))
            for name, one in document["components"]["securitySchemes"].items()
        ],
        types=[table_of(name, document) for name in _ERROR_TYPES],
    )
