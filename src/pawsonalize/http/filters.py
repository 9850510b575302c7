"""GET and POST /v1/filters; GET and DELETE /v1/filters/{name}."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.resources.datasets import Filter
from pawsonalize.http.addressing import (
    DatasetGroupName,
    address_of,
    query_address,
    read_group,
)
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import NamedAnswer, as_answer, read_page
from pawsonalize.http.services import Services


class FilterRequest(Form, frozen=True, rename="camel"):
    """A filter to create: its name, and what it says in Amazon Personalize's filter language."""

    name: str
    expression: str
    dataset_group: DatasetGroupName = None


class FilterAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """An expression that says which items an answer may hold."""

    dataset_group: str
    expression: str


class FilterList(msgspec.Struct, frozen=True, rename="camel"):
    """Filters, newest first; `nextCursor` fetches the next page and is null on the last."""

    filters: list[FilterAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(FilterRequest)


async def get_filters(request: Request) -> Response:
    """List the filters, of all dataset groups or of one."""
    named = not query_address(request).is_default
    page = await read_page(request, Filter, await read_group(request) if named else None)
    answers = [as_answer(one, FilterAnswer) for one in page.resources]
    return json_response(FilterList(answers, page.next_cursor))


async def post_filter(request: Request) -> Response:
    """Create a filter; it can be used at once."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    address = address_of(request, asked.dataset_group)
    group = await services.read(services.directory.dataset_group, address)
    created = await run_in_threadpool(
        services.filters.create, asked.name, asked.expression, services.now(), dataset_group=group
    )
    return json_response(as_answer(created, FilterAnswer), 201)


async def get_filter(request: Request) -> Response:
    """One filter."""
    services: Services = request.app.state.services
    found = await services.read(services.registry.get, Filter, request.path_params["name"])
    return json_response(as_answer(found, FilterAnswer))


async def delete_filter(request: Request) -> Response:
    """Delete a filter; who names it from now on is told that there is none."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    found = await services.read(services.registry.get, Filter, name)
    await run_in_threadpool(services.registry.delete, Filter, name)
    return json_response(as_answer(found, FilterAnswer))
