"""GET and POST /v1/dataset-groups; GET and DELETE /v1/dataset-groups/{name}."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    Tags,
    as_answer,
    read_one,
    read_page,
)
from pawsonalize.http.services import Services


class DatasetGroupRequest(Form, frozen=True):
    """A dataset group to create."""

    name: str
    tags: Tags = msgspec.field(default_factory=dict)


class DatasetGroupAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """Datasets, solutions and event trackers that belong together."""


class DatasetGroups(msgspec.Struct, frozen=True, rename="camel"):
    """Dataset groups, newest first; `nextCursor` fetches the next page and is null on the last."""

    dataset_groups: list[DatasetGroupAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(DatasetGroupRequest)


async def get_dataset_groups(request: Request) -> Response:
    """List the dataset groups."""
    page = await read_page(request, DatasetGroup)
    answers = [as_answer(one, DatasetGroupAnswer) for one in page.resources]
    return json_response(DatasetGroups(answers, page.next_cursor))


async def post_dataset_group(request: Request) -> Response:
    """Create a dataset group; events, datasets and solutions can be put into it at once."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    group = DatasetGroup(name=asked.name, tags=asked.tags)
    created = await run_in_threadpool(services.registry.create, group, services.now())
    return json_response(as_answer(created, DatasetGroupAnswer), 201)


async def get_dataset_group(request: Request) -> Response:
    """One dataset group."""
    return json_response(as_answer(await read_one(request, DatasetGroup), DatasetGroupAnswer))


async def delete_dataset_group(request: Request) -> Response:
    """Delete a dataset group with what is left of its data; its resources go first."""
    services: Services = request.app.state.services
    found = await read_one(request, DatasetGroup)
    await run_in_threadpool(services.datasets.delete_group, found.name)
    return json_response(as_answer(found, DatasetGroupAnswer))
