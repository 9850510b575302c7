"""What belongs to dataset groups: schemas, datasets and event trackers."""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    OwningGroup,
    Tags,
    as_answer,
    owning_group,
    read_group_page,
    read_one,
    read_page,
    removed,
)
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter_owner
from pawsonalize.kinds.datasets import Dataset, DatasetSchema, EventTracker
from pawsonalize.kinds.schemas import dataset_type_named, new_schema


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


class SchemaList(msgspec.Struct, frozen=True, rename="camel"):
    """Schemas, newest first; `nextCursor` fetches the next page and is null on the last."""

    schemas: list[SchemaAnswer]
    next_cursor: str | None


_SCHEMA_REQUEST = msgspec.json.Decoder(SchemaRequest)


async def get_schemas(request: Request) -> Response:
    """List the schemas."""
    page = await read_page(request, DatasetSchema)
    return json_response(SchemaList([_answer(one) for one in page.resources], page.next_cursor))


async def post_schema(request: Request) -> Response:
    """Create a schema, for any number of datasets."""
    services: Services = request.app.state.services
    form = await read_form(request, _SCHEMA_REQUEST)
    kind = None if form.dataset_type is None else dataset_type_named(form.dataset_type)
    schema = new_schema(form.name, msgspec.json.encode(form.schema).decode(), kind)
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


class DatasetRequest(Form, frozen=True, rename="camel"):
    """A dataset to create: `Interactions`, `Items` or `Users` of a dataset group.

    `schema` is the name of one, or Avro record JSON as an object, which is stored under the
    dataset's name. Left out, the columns are those of the default dataset group's.
    """

    dataset_type: str
    dataset_group: OwningGroup = None
    schema: str | dict[str, Any] | None = None


class DatasetAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A dataset, and the name of its schema."""

    dataset_group: str
    dataset_type: str
    schema: str


class DatasetList(msgspec.Struct, frozen=True, rename="camel"):
    """Datasets, newest first; `nextCursor` fetches the next page and is null on the last."""

    datasets: list[DatasetAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(DatasetRequest)


async def get_datasets(request: Request) -> Response:
    """List the datasets, of all dataset groups or of one."""
    page = await read_group_page(request, Dataset)
    answers = [as_answer(one, DatasetAnswer) for one in page.resources]
    return json_response(DatasetList(answers, page.next_cursor))


async def post_dataset(request: Request) -> Response:
    """Create a dataset; its name is its dataset group's and its type."""
    services: Services = request.app.state.services
    form = await read_form(request, _REQUEST)
    schema = form.schema
    if isinstance(schema, dict):
        schema = msgspec.json.encode(schema).decode()
    created = await run_in_threadpool(
        services.datasets.describe,
        await owning_group(request, form.dataset_group),
        dataset_type_named(form.dataset_type),
        schema,
        services.now(),
    )
    return json_response(as_answer(created, DatasetAnswer), 201)


async def get_dataset(request: Request) -> Response:
    """One dataset."""
    return json_response(as_answer(await read_one(request, Dataset), DatasetAnswer))


async def delete_dataset(request: Request) -> Response:
    """Delete a dataset with its data; 409 while something is imported into it."""
    services: Services = request.app.state.services
    found = await read_one(request, Dataset)
    await run_in_threadpool(services.datasets.delete, found.name)
    return json_response(as_answer(found, DatasetAnswer))


class EventTrackerRequest(Form, frozen=True, rename="camel"):
    """An event tracker to create; a dataset group has one."""

    name: str
    dataset_group: OwningGroup = None
    tags: Tags = msgspec.field(default_factory=dict)


class EventTrackerAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """Permission to send events into a dataset group over the Personalize API."""

    dataset_group: str
    tracking_id: str


class EventTrackerList(msgspec.Struct, frozen=True, rename="camel"):
    """Event trackers, newest first; `nextCursor` fetches the next page and is null on the last."""

    event_trackers: list[EventTrackerAnswer]
    next_cursor: str | None


_TRACKER_REQUEST = msgspec.json.Decoder(EventTrackerRequest)


async def get_event_trackers(request: Request) -> Response:
    """List the event trackers, of all dataset groups or of one."""
    page = await read_group_page(request, EventTracker)
    answers = [as_answer(one, EventTrackerAnswer) for one in page.resources]
    return json_response(EventTrackerList(answers, page.next_cursor))


async def post_event_tracker(request: Request) -> Response:
    """Create an event tracker with a new tracking id."""
    services: Services = request.app.state.services
    form = await read_form(request, _TRACKER_REQUEST)
    group = await owning_group(request, form.dataset_group)
    created = await run_in_threadpool(
        services.datasets.create_tracker, form.name, group, services.now(), form.tags
    )
    return json_response(as_answer(created, EventTrackerAnswer), 201)


async def get_event_tracker(request: Request) -> Response:
    """One event tracker."""
    return json_response(as_answer(await read_one(request, EventTracker), EventTrackerAnswer))


async def delete_event_tracker(request: Request) -> Response:
    """Delete an event tracker: its tracking id takes no more events, those there are stay."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, EventTracker, name)
    found = await run_in_threadpool(removed, services.registry, EventTracker, name)
    return json_response(as_answer(found, EventTrackerAnswer))
