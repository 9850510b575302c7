"""/v1/tenants and /v1/dataset-groups/{name}/usage: what dataset groups use, of what they may."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.limits import check_between
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.resources import DEFAULT_LIMIT, PAGE_PARAMETERS
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter_owner
from pawsonalize.kinds.access_keys import CONTROL_PLANE
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.wings.tenants.reports import TenantPage, TenantReport, UsageDay

_USAGE_DAYS = 30
_MOST_USAGE_DAYS = 400


class UsageAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What a dataset group used, by days of UTC, newest first; days without use are left out."""

    dataset_group: str
    days: list[UsageDay]


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


_GROUP = RequestParameter("name", "The dataset group.", where="path", required=True)

OPERATIONS = (
    Operation(
        "GET",
        "/v1/dataset-groups/{name}/usage",
        get_usage,
        "What a dataset group used on the last days.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=UsageAnswer,
        parameters=(
            _GROUP,
            RequestParameter("days", "How many days, 1 to 400, today's included; 30.", int),
        ),
    ),
    Operation(
        "GET",
        "/v1/tenants",
        get_tenants,
        "How every dataset group is, and what it used today.",
        CONTROL_PLANE,
        answer=TenantPage,
        parameters=PAGE_PARAMETERS,
    ),
    Operation(
        "GET",
        "/v1/tenants/{name}",
        get_tenant,
        "How one dataset group is: its limits, models, keys and days.",
        CONTROL_PLANE,
        about=About.GROUP,
        answer=TenantReport,
        parameters=(_GROUP,),
    ),
)
