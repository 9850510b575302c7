"""GET /openapi.json, made from the operations, and GET /docs, a page that needs no network."""

import base64
import hashlib
import json
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from jinja2 import Environment
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pawsonalize import __version__
from pawsonalize.http.errors import ErrorAnswer
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operation
from pawsonalize.http.operations import OPERATIONS

_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": (
        "An access key, `KEY.SECRET`, with one of the scopes that an operation lists. Where the"
        " service listens to its own machine alone, none is needed."
    ),
}
_REFERENCES = "#/components/schemas/{name}"


async def get_openapi(_request: Request) -> Response:
    """The OpenAPI 3.1 document."""
    return json_response(openapi())


async def get_docs(_request: Request) -> Response:
    """The same document for people."""
    return HTMLResponse(render(openapi()), headers=_HEADERS)


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
        "components": {"schemas": components, "securitySchemes": {"key": _KEY}},
    }


def _document(operation: Operation, described: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operationId": operation.endpoint.__name__,
        "summary": operation.summary,
        "security": [{"key": sorted(operation.access)}] if operation.access else [],
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


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 0 auto; padding: 1rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .5rem; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem 1rem; }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ info.title }} API</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>{{ info.title }} API {{ info.version }}</h1>
<p>{{ info.description }} For machines: <a href="/openapi.json">openapi.json</a>.</p>
{% for path, methods in paths.items() %}
{% for method, operation in methods.items() %}
<h2><code>{{ method | upper }} {{ path }}</code></h2>
<p>{{ operation.summary }}</p>
{% if operation.parameters %}
<dl>
{% for parameter in operation.parameters %}
<dt><code>{{ parameter.name }}</code></dt><dd>{{ parameter.description }}</dd>
{% endfor %}
</dl>
{% endif %}
{% for status, answer in operation.responses.items() if answer.headers %}
<dl>
{% for name, header in answer.headers.items() %}
<dt><code>{{ name }}</code> (a header of the answer)</dt><dd>{{ header.description }}</dd>
{% endfor %}
</dl>
{% endfor %}
{% for name, example in examples(operation) %}
<p>Example, {{ name }}:</p>
<pre><code>curl http://127.0.0.1:8080{{ path }} --json '{{ example }}'</code></pre>
{% endfor %}
{% endfor %}
{% endfor %}
</main>
</body>
</html>
""")


def render(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    return _PAGE.render(**document, examples=_examples, style=Markup(_STYLE))  # noqa: S704 - ours


def _examples(operation: dict[str, Any]) -> list[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    given = content.get("application/json", {}).get("examples", {})
    return [(name, json.dumps(example["value"], indent=2)) for name, example in given.items()]
