"""GET and POST /v1/datasets; GET and DELETE /v1/datasets/{name}."""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.resources.datasets import Dataset
from pawsonalize.engine.resources.schemas import dataset_type_named
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    OwningGroup,
    as_answer,
    owning_group,
    read_group_page,
    read_one,
)
from pawsonalize.http.services import Services


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
    asked = await read_form(request, _REQUEST)
    schema = asked.schema
    if isinstance(schema, dict):
        schema = msgspec.json.encode(schema).decode()
    created = await run_in_threadpool(
        services.datasets.describe,
        await owning_group(request, asked.dataset_group),
        dataset_type_named(asked.dataset_type),
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
