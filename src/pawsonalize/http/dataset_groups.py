"""/v1/dataset-groups and /v1/tenants: what belongs together, its limits and what it uses."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.limits import check_between
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.training.group_changes import change_limits, create_group
from pawsonalize.http.json import json_response, read_form, read_limit
from pawsonalize.http.resources import (
    DEFAULT_LIMIT,
    NamedAnswer,
    Tags,
    as_answer,
    read_one,
    read_page,
)
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter_owner
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.group_limits import GroupLimits
from pawsonalize.wings.tenants.reports import UsageDay

_USAGE_DAYS = 30
_MOST_USAGE_DAYS = 400
Most = Annotated[int, Meta(ge=0)]


class LimitsForm(Form, frozen=True, rename="camel"):
    """Limits of a dataset group: see `GroupLimits`. Null takes one away; what is left out stays."""

    requests_per_minute: Most | UnsetType | None = UNSET
    events_per_minute: Most | UnsetType | None = UNSET
    events_per_day: Most | UnsetType | None = UNSET
    stored_events: Most | UnsetType | None = UNSET
    trainings_per_day: Most | UnsetType | None = UNSET
    event_days: Annotated[int, Meta(ge=1, le=36_500)] | UnsetType | None = UNSET
    retrain_schedule: str | UnsetType | None = UNSET
    weight: Annotated[int, Meta(ge=1, le=100)] | UnsetType | None = UNSET

    def changes(self) -> dict[str, int | str | None]:
        """What is to change, by the names of fields."""
        given = msgspec.structs.asdict(self)
        return {name: value for name, value in given.items() if value is not UNSET}


class DatasetGroupRequest(Form, frozen=True):
    """A dataset group to create."""

    name: str
    limits: LimitsForm = LimitsForm()
    tags: Tags = msgspec.field(default_factory=dict)


class DatasetGroupChange(Form, frozen=True):
    """What to change of a dataset group."""

    limits: LimitsForm


class DatasetGroupAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """Datasets, solutions and event trackers that belong together, and their limits."""

    limits: GroupLimits


class DatasetGroupList(msgspec.Struct, frozen=True, rename="camel"):
    """Dataset groups, newest first; `nextCursor` fetches the next page and is null on the last."""

    dataset_groups: list[DatasetGroupAnswer]
    next_cursor: str | None


class UsageAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What a dataset group used, by days of UTC, newest first; days without use are left out."""

    dataset_group: str
    days: list[UsageDay]


_REQUEST = msgspec.json.Decoder(DatasetGroupRequest)
_CHANGE = msgspec.json.Decoder(DatasetGroupChange)


async def get_dataset_groups(request: Request) -> Response:
    """List the dataset groups."""
    page = await read_page(request, DatasetGroup)
    return json_response(
        DatasetGroupList([_answer(one) for one in page.resources], page.next_cursor)
    )


async def post_dataset_group(request: Request) -> Response:
    """Create a dataset group; events, datasets and solutions can be put into it at once."""
    services: Services = request.app.state.services
    form = await read_form(request, _REQUEST)
    created = await run_in_threadpool(
        create_group,
        services.registry,
        form.name,
        form.limits.changes(),
        services.now(),
        form.tags,
    )
    return json_response(_answer(created), 201)


async def get_dataset_group(request: Request) -> Response:
    """One dataset group."""
    return json_response(_answer(await read_one(request, DatasetGroup)))


async def patch_dataset_group(request: Request) -> Response:
    """Change limits; running servers keep to them within a second."""
    services: Services = request.app.state.services
    form = await read_form(request, _CHANGE)
    name: str = request.path_params["name"]
    changes = form.limits.changes()
    changed = await run_in_threadpool(
        change_limits, services.registry, name, changes, services.now()
    )
    return json_response(_answer(changed))


async def delete_dataset_group(request: Request) -> Response:
    """Delete a dataset group with what is left of its data; its resources go first."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    found = await services.read(services.registry.get, DatasetGroup, name)
    await run_in_threadpool(services.datasets.delete_group, found.name)
    return json_response(_answer(found))


async def get_usage(request: Request) -> Response:
    """What a dataset group used on the last days."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, DatasetGroup, name)
    days = read_limit(request.query_params.get("days"), _USAGE_DAYS, "days")
    check_between("days", days, 1, _MOST_USAGE_DAYS)
    used = await run_in_threadpool(services.tenants.usage, name, days, services.now())
    return json_response(UsageAnswer(name, used))


async def get_tenants(request: Request) -> Response:
    """How every dataset group is, and what it used today."""
    services: Services = request.app.state.services
    given = request.query_params
    limit = read_limit(given.get("limit"), DEFAULT_LIMIT)
    page = services.tenants.page
    return json_response(await run_in_threadpool(page, limit, given.get("cursor"), services.now()))


async def get_tenant(request: Request) -> Response:
    """How one dataset group is: its limits, models, keys and days."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, DatasetGroup, name)
    return json_response(await run_in_threadpool(services.tenants.report, name, services.now()))


def _answer(group: DatasetGroup) -> DatasetGroupAnswer:
    return as_answer(group, DatasetGroupAnswer)
