"""The endpoints of all kinds of resources: list, create, read, change and delete by name."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.json import json_response, read_form, read_limit
from pawsonalize.core.http.operation import About, Endpoint, Operation, RequestParameter, camel
from pawsonalize.core.scopes import CONTROL_PLANE
from pawsonalize.operations.addressing import (
    ADDRESS_PARAMETERS,
    address_of,
    enter_group,
    enter_owner,
    for_caller,
    own_group,
)
from pawsonalize.operations.services import services_of
from pawsonalize.recommend.campaigns import Address
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.endpoints.types import ResourceTypes, types_of
from pawsonalize.resources.kind import Kind, Native
from pawsonalize.resources.registry import resource_page

DEFAULT_LIMIT = 50
PAGE_PARAMETERS = (
    RequestParameter("limit", "Most that a page holds, 1 to 100; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
)


async def owning_group(request: Request, given: str | None) -> str:
    """The name of the dataset group that is meant, which the request enters.

    NotFound lists those there are. Left out it is the default one; with a key of one dataset
    group, that one.
    """
    return await enter_group(request, for_caller(request, Address(given)))


class _Endpoints:
    """The endpoints of one kind."""

    def __init__(self, kind: Kind[Any], native: Native, types: ResourceTypes) -> None:
        self._kind = kind
        self._native = native
        self._types = types
        self._parent_field = camel(kind.resource.owner or "")

    async def list(self, request: Request) -> Response:
        services = services_of(request)
        given = request.query_params
        page = await services.read(
            resource_page,
            services.registry,
            self._kind.resource,
            read_limit(given.get("limit"), DEFAULT_LIMIT),
            parent=await self._parent(request),
            cursor=given.get("cursor"),
        )
        return json_response(self._types.list(page.resources, page.next_cursor))

    async def create(self, request: Request) -> Response:
        services = services_of(request)
        values = self._types.values(await read_form(request, self._types.request))
        if "dataset_group" in values:
            values["dataset_group"] = await self._group(request, values["dataset_group"])
        await self._enter(request, values)
        created = await run_in_threadpool(self._kind.make, services, values, services.now())
        return json_response(self._types.show(created), self._native.status)

    async def read(self, request: Request) -> Response:
        services = services_of(request)
        name: str = request.path_params["name"]
        await enter_owner(request, self._kind.resource, name)
        found = await services.read(services.registry.get, self._kind.resource, name)
        return json_response(self._types.show(found))

    async def change(self, request: Request) -> Response:
        services = services_of(request)
        changes = self._types.values(await read_form(request, self._types.change))
        name = await self._named(request)
        await self._enter(request, changes)
        change, now = self._kind.change, services.now()
        assert change is not None
        changed = await run_in_threadpool(change, services, name, changes, now)
        return json_response(self._types.show(changed))

    async def delete(self, request: Request) -> Response:
        services = services_of(request)
        name = await self._named(request)
        found = await services.read(services.registry.get, self._kind.resource, name)
        await run_in_threadpool(self._kind.remove, services, name, services.now())
        return json_response(self._types.show(found))

    async def act(self, action: str, request: Request) -> Response:
        services = services_of(request)
        name = await self._named(request)
        act = self._kind.actions[action]
        changed = await run_in_threadpool(act, services, name, services.now())
        return json_response(self._types.show(changed))

    async def _named(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if self._kind.of_group:  # first of all: a key of another group learns nothing of it
            await enter_owner(request, self._kind.resource, name)
        return name

    async def _enter(self, request: Request, values: dict[str, Any]) -> None:
        if self._kind.of_group:
            for field, kind in self._kind.references.items():
                if KINDS[kind].of_group and values.get(field) is not None:
                    await enter_owner(request, kind, values[field])

    async def _group(self, request: Request, given: str | None) -> str:
        if self._native.by_address:
            return await enter_group(request, address_of(request, given))
        return await owning_group(request, given)

    async def _parent(self, request: Request) -> str | None:
        """The parent that the query names; None: all."""
        # With a key of one dataset group it is that, or has to be one of that.
        parent = self._kind.parent
        if parent is None:
            return None
        named = request.query_params.get(self._parent_field)
        if parent is DatasetGroup:
            by_campaign = self._native.by_address and "campaign" in request.query_params
            if named is None and not by_campaign and own_group(request) is None:
                return None
            return await self._group(request, named)
        if not self._kind.of_group:
            return named
        if named is not None:
            await enter_owner(request, parent, named)
        elif own_group(request) is not None:
            raise InvalidInput(
                f"say of which {parent.kind} with {self._parent_field}: this key is for one dataset"
                " group",
                field=self._parent_field,
            )
        return named


def operations_of(kind: Kind[Any], native: Native) -> Iterator[Operation]:
    """The operations that a kind describes."""
    types = types_of(kind, native)
    door = _Endpoints(kind, native, types)
    about = About.GROUP if kind.of_group else About.SERVICE
    one, path = kind.word.replace(" ", "_"), f"/v1/{kind.path}s"
    named = (
        RequestParameter("name", f"The {native.noun or kind.word}.", where="path", required=True),
    )

    def operation(
        method: str, path: str, endpoint: Endpoint, name: str, summary: str, **more: Any
    ) -> Operation:
        more = {"about": about, "answer": types.answer, "parameters": named, **more}
        return Operation(method, path, endpoint, summary, CONTROL_PLANE, name=name, **more)

    pages = (*_parent_parameters(kind, native), *PAGE_PARAMETERS)
    more: dict[str, Any] = {"answer": types.page, "parameters": pages}
    yield operation("GET", path, door.list, f"get_{one}s", native.list, **more)
    if native.create:
        more = {"status": native.status, "examples": dict(native.examples)}
        more |= {"request": types.request, "parameters": ()}
        if native.by_address:
            more["parameters"] = ADDRESS_PARAMETERS
        yield operation("POST", path, door.create, f"post_{one}", native.create, **more)
    path += "/{name}"
    summary = native.get or f"One {kind.word}."
    its_own = About.GROUP if kind.resource is DatasetGroup else about
    yield operation("GET", path, door.read, f"get_{one}", summary, about=its_own)
    if native.change:
        more = {"request": types.change, "examples": dict(native.change_examples)}
        yield operation("PATCH", path, door.change, f"patch_{one}", native.change, **more)
    if native.delete:
        yield operation("DELETE", path, door.delete, f"delete_{one}", native.delete)
    for action, summary in native.actions.items():
        act = partial(door.act, action)
        yield operation("POST", f"{path}/{action}", act, f"post_{action}", summary)


def _parent_parameters(kind: Kind[Any], native: Native) -> tuple[RequestParameter, ...]:
    if kind.parent is None or kind.resource.owner is None:
        return ()
    name, which = camel(kind.resource.owner), f"{kind.word}s"
    if native.by_address:
        return (
            RequestParameter(name, f"Only {which} of this dataset group, by its name or ARN."),
            RequestParameter("campaign", f"Only {which} of this campaign's dataset group."),
        )
    end = ", by its name or ARN" if kind.parent is DatasetGroup else ""
    return (RequestParameter(name, f"Only those of this {kind.parent.kind}{end}."),)


OPERATIONS = tuple(
    operation
    for kind in KINDS.values()
    if kind.native is not None
    for operation in operations_of(kind, kind.native)
)
