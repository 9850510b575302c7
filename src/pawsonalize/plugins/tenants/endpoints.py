"""Dataset groups as tenants: their operations, the operator's list, and the page of each."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pawsonalize.app.pages.shell import TENANTS, Link, guarded, shown
from pawsonalize.core.http.json import read_limit
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import check_between
from pawsonalize.core.scopes import CONTROL_PLANE
from pawsonalize.core.times import DAY, iso
from pawsonalize.operations.addressing import enter_owner
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.limits import check_reach
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.tenants.reports import (
    REPORTED_DAYS,
    TenantPage,
    TenantReport,
    TenantReports,
    UsageDay,
)
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.endpoints import DEFAULT_LIMIT, PAGE_PARAMETERS

OPERATIONS = Operations(CONTROL_PLANE)
_GROUP = RequestParameter("name", "The dataset group.", where="path", required=True)

_USAGE_DAYS = 30
_MOST_USAGE_DAYS = 400
_AT_ONCE = 50
_DATE = len("1970-01-01")
# Title, unit, the unit as it follows a number, and field of the charts.
_CHARTS = (
    ("Requests a day", "requests", "", "requests"),
    ("Events a day", "events", "", "events"),
    ("Answer time a day", "seconds", " s", "answer_seconds"),
    ("Training time a day", "seconds of processors", " s", "training_seconds"),
)


def reports_of(request: Request) -> TenantReports:
    """Return the reports, which the plugin shares while the server runs."""
    reports: TenantReports = request.app.state.plugins["tenants"]
    return reports


class UsageAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Use of a dataset group by days of UTC, newest first; days without use are left out."""

    dataset_group: str
    days: list[UsageDay]


@OPERATIONS.add(
    "GET",
    "/v1/dataset-groups/{name}/usage",
    about=About.GROUP,
    parameters=(
        _GROUP,
        RequestParameter("days", "How many days, 1 to 400, today's included; 30.", int),
    ),
    summary="What a dataset group used on the last days.",
)
async def get_usage(request: Request) -> UsageAnswer:
    """Show the use of a dataset group by days."""
    name: str = request.path_params["name"]
    await enter_owner(request, DatasetGroup, name)
    days = read_limit(request.query_params.get("days"), _USAGE_DAYS, "days")
    check_between("days", days, 1, _MOST_USAGE_DAYS)
    now = services_of(request).now()
    used = await run_in_threadpool(reports_of(request).usage, name, days, now)
    return UsageAnswer(name, used)


@OPERATIONS.add(
    "GET",
    "/v1/tenants",
    parameters=PAGE_PARAMETERS,
    summary="How every dataset group is, and what it used today.",
)
async def get_tenants(request: Request) -> TenantPage:
    """List tenants, with their use of today."""
    given, now = request.query_params, services_of(request).now()
    limit = read_limit(given.get("limit"), DEFAULT_LIMIT)
    page = reports_of(request).page
    return await run_in_threadpool(page, limit, given.get("cursor"), now)


@OPERATIONS.add(
    "GET",
    "/v1/tenants/{name}",
    about=About.GROUP,
    parameters=(_GROUP,),
    summary="How one dataset group is: its limits, models, keys and days.",
)
async def get_tenant(request: Request) -> TenantReport:
    """Report on one tenant."""
    name, now = request.path_params["name"], services_of(request).now()
    await enter_owner(request, DatasetGroup, name)
    return await run_in_threadpool(reports_of(request).report, name, now)


def _get_tenants_page(request: Request, caller: Caller) -> Response:
    if caller.dataset_group is not None:
        return RedirectResponse(f"{TENANTS}/{caller.dataset_group}", 303)
    cursor = request.query_params.get("cursor")
    found = reports_of(request).page(_AT_ONCE, cursor, services_of(request).now())
    return shown(
        request,
        caller,
        "tenants/tenants.html",
        tenants=found.tenants,
        next_cursor=found.next_cursor,
        is_first=cursor is None,
    )


def _get_tenant_page(request: Request, caller: Caller) -> Response:
    now = services_of(request).now()
    name: str = request.path_params["name"]
    check_reach(caller.dataset_group, name)
    report = reports_of(request).report(name, now)
    used = {one.day: one for one in report.days}
    dates = [iso(now - back * DAY)[:_DATE] for back in reversed(range(REPORTED_DAYS))]
    charts = []
    for title, unit, short, field in _CHARTS:
        values = [float(getattr(used[day], field)) if day in used else 0.0 for day in dates]
        most = max(values)
        bars = [
            {"day": day, "value": value, "height": value / (most or 1.0)}
            for day, value in zip(dates, values, strict=True)
        ]
        charts.append({"title": title, "unit": unit, "short": short, "most": most, "bars": bars})
    return shown(
        request,
        caller,
        "tenants/tenant.html",
        tenant=report,
        charts=charts,
        is_operator=caller.dataset_group is None,
    )


PAGES = (
    Link("Tenants", TENANTS, place=8),
    Route(TENANTS, guarded(_get_tenants_page, CONTROL_PLANE, for_tenants=True)),
    Route(f"{TENANTS}/{{name}}", guarded(_get_tenant_page, CONTROL_PLANE, for_tenants=True)),
)
