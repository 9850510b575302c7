"""/v1/tenants and /v1/dataset-groups/{name}/usage: what dataset groups use, of what they may."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.limits import check_between
from pawsonalize.http.callers import enter_owner
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.resources import DEFAULT_LIMIT, PAGE_PARAMETERS
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import CONTROL_PLANE
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.wings.tenants.reports import TenantPage, TenantReport, TenantReports, UsageDay

OPERATIONS = Operations()
_GROUP = RequestParameter("name", "The dataset group.", where="path", required=True)

_USAGE_DAYS = 30
_MOST_USAGE_DAYS = 400


def reports_of(request: Request) -> TenantReports:
    """Return the reports, which the wing shares while the server runs."""
    reports: TenantReports = request.app.state.wings["tenants"]
    return reports


class UsageAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What a dataset group used, by days of UTC, newest first; days without use are left out."""

    dataset_group: str
    days: list[UsageDay]


@OPERATIONS.add(
    "GET",
    "/v1/dataset-groups/{name}/usage",
    CONTROL_PLANE,
    about=About.GROUP,
    answer=UsageAnswer,
    parameters=(
        _GROUP,
        RequestParameter("days", "How many days, 1 to 400, today's included; 30.", int),
    ),
    summary="What a dataset group used on the last days.",
)
async def get_usage(request: Request) -> Response:
    """Show the use of a dataset group by days."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, DatasetGroup, name)
    days = read_limit(request.query_params.get("days"), _USAGE_DAYS, "days")
    check_between("days", days, 1, _MOST_USAGE_DAYS)
    used = await run_in_threadpool(reports_of(request).usage, name, days, services.now())
    return json_response(UsageAnswer(name, used))


@OPERATIONS.add(
    "GET",
    "/v1/tenants",
    CONTROL_PLANE,
    answer=TenantPage,
    parameters=PAGE_PARAMETERS,
    summary="How every dataset group is, and what it used today.",
)
async def get_tenants(request: Request) -> Response:
    """One page of the tenants, with their use of today."""
    services: Services = request.app.state.services
    given = request.query_params
    limit = read_limit(given.get("limit"), DEFAULT_LIMIT)
    page = reports_of(request).page
    return json_response(await run_in_threadpool(page, limit, given.get("cursor"), services.now()))


@OPERATIONS.add(
    "GET",
    "/v1/tenants/{name}",
    CONTROL_PLANE,
    about=About.GROUP,
    answer=TenantReport,
    parameters=(_GROUP,),
    summary="How one dataset group is: its limits, models, keys and days.",
)
async def get_tenant(request: Request) -> Response:
    """Report on one tenant."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, DatasetGroup, name)
    return json_response(await run_in_threadpool(reports_of(request).report, name, services.now()))
