"""GET and POST /v1/schemas; GET and DELETE /v1/schemas/{name}."""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.resources.datasets import DatasetSchema
from pawsonalize.engine.resources.schemas import dataset_type_named, new_schema
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    as_answer,
    read_one,
    read_page,
    removed,
)
from pawsonalize.http.services import Services


class SchemaRequest(Form, frozen=True, rename="camel"):
    """A schema to create: Avro record JSON, as an object.

    `datasetType` may be left out where the name of the record, or its fields, tell it.
    """

    name: str
    schema: dict[str, Any]
    dataset_type: str | None = None


class SchemaAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """The columns of a dataset."""

    dataset_type: str
    schema: dict[str, Any]


class Schemas(msgspec.Struct, frozen=True, rename="camel"):
    """Schemas, newest first; `nextCursor` fetches the next page and is null on the last."""

    schemas: list[SchemaAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(SchemaRequest)


async def get_schemas(request: Request) -> Response:
    """List the schemas."""
    page = await read_page(request, DatasetSchema)
    return json_response(Schemas([_answer(one) for one in page.resources], page.next_cursor))


async def post_schema(request: Request) -> Response:
    """Create a schema, for any number of datasets."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    kind = None if asked.dataset_type is None else dataset_type_named(asked.dataset_type)
    schema = new_schema(asked.name, msgspec.json.encode(asked.schema).decode(), kind)
    created = await run_in_threadpool(services.registry.create, schema, services.now())
    return json_response(_answer(created), 201)


async def get_schema(request: Request) -> Response:
    """One schema."""
    return json_response(_answer(await read_one(request, DatasetSchema)))


async def delete_schema(request: Request) -> Response:
    """Delete a schema that no dataset has."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    found = await run_in_threadpool(removed, services.registry, DatasetSchema, name)
    return json_response(_answer(found))


def _answer(schema: DatasetSchema) -> SchemaAnswer:
    return as_answer(schema, SchemaAnswer, schema=msgspec.json.decode(schema.avro))
