"""What the endpoints of all kinds of resources share: reading one, a page, or a request."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import iso
from pawsonalize.engine.serving.directory import Address
from pawsonalize.http.addressing import enter_group, for_caller
from pawsonalize.http.json import read_limit
from pawsonalize.http.operation import RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter_owner, own_group
from pawsonalize.kinds.registry import Registry, ResourcePage, resource_page
from pawsonalize.kinds.resource import Resource, ResourceT

DEFAULT_LIMIT = 50
_MOMENTS = {"created_at", "updated_at", "requested_at", "settled_at", "as_of"}

Tags = Annotated[Mapping[str, str], Meta(description="The operator's own notes.")]
OwningGroup = Annotated[
    str | None, Meta(description="By its name or ARN; the default if left out.")
]
PAGE_PARAMETERS = (
    RequestParameter("limit", "How many a page holds, 1 to 100; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
)
GROUP_PARAMETER = RequestParameter(
    "datasetGroup", "Only those of this dataset group, by its name or ARN."
)

AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)


class NamedAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every resource has; times are ISO 8601 UTC."""

    name: str
    status: str
    failure_reason: str | None
    created_at: str
    updated_at: str
    revision: int
    tags: Mapping[str, str]


def named_parameter(what: str) -> RequestParameter:
    """The name in a path."""
    return RequestParameter("name", f"The {what}.", where="path", required=True)


async def read_one(request: Request, kind: type[ResourceT]) -> ResourceT:
    """The resource that the path names; NotFound if there is none."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, kind, name)
    return await services.read(services.registry.get, kind, name)


async def read_page(
    request: Request, kind: type[ResourceT], parent: str | None = None
) -> ResourcePage[ResourceT]:
    """The page of the kind that the query parameters ask for."""
    services: Services = request.app.state.services
    given = request.query_params
    return await services.read(
        resource_page,
        services.registry,
        kind,
        read_limit(given.get("limit"), DEFAULT_LIMIT),
        parent=parent,
        cursor=given.get("cursor"),
    )


async def read_group_page(request: Request, kind: type[ResourceT]) -> ResourcePage[ResourceT]:
    """The same, of the dataset group that the query parameters name, or of all.

    With a key of one dataset group, of that one.
    """
    named = request.query_params.get("datasetGroup")
    is_all = named is None and own_group(request) is None
    return await read_page(request, kind, None if is_all else await owning_group(request, named))


async def read_page_of(
    request: Request, kind: type[ResourceT], owner: type[Resource], field: str
) -> ResourcePage[ResourceT]:
    """The same, of the owner that the query parameter `field` names, or of all.

    With a key of one dataset group, it has to name one of that.
    """
    named = request.query_params.get(field)
    if named is not None:
        await enter_owner(request, owner, named)
    elif own_group(request) is not None:
        raise InvalidInput(
            f"say of which {owner.kind} with {field}: this key is for one dataset group",
            field=field,
        )
    return await read_page(request, kind, named)


async def owning_group(request: Request, given: str | None) -> str:
    """The name of the dataset group that is meant, which the request enters.

    NotFound lists those there are. Left out it is the default one; with a key of one dataset
    group, that one.
    """
    return await enter_group(request, for_caller(request, Address(given)))


def removed(registry: Registry, kind: type[ResourceT], name: str) -> ResourceT:
    """The resource, deleted; NotFound without it, Conflict that names what goes first."""
    found = registry.get(kind, name)
    registry.delete(kind, name)
    return found


def as_answer(resource: Any, kind: type[AnswerT], **given: Any) -> AnswerT:
    """The resource's fields that the answer has, moments as text."""
    fields = {name: getattr(resource, name) for name in kind.__struct_fields__ if name not in given}
    moments = {
        name: iso(value) for name, value in fields.items() if name in _MOMENTS and value is not None
    }
    return kind(**{**fields, **moments, **given})
