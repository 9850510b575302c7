"""/v1/tenants and /v1/dataset-groups/{name}/usage: what dataset groups use, of what they may."""

from dataclasses import dataclass

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pawsonalize.access.admission import Caller
from pawsonalize.access.limits import check_reach
from pawsonalize.domain.limits import check_between
from pawsonalize.domain.times import DAY, iso
from pawsonalize.http.callers import enter_owner
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.resources import DEFAULT_LIMIT, PAGE_PARAMETERS
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import CONTROL_PLANE
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.pages.shell import TENANTS, Link, guarded_for_tenants, services_of, shown
from pawsonalize.wings.tenants.reports import (
    REPORTED_DAYS,
    TenantPage,
    TenantReport,
    TenantReports,
    UsageDay,
)

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


_AT_ONCE = 50
_DATE = len("1970-01-01")


def get_tenants_page(request: Request, caller: Caller) -> Response:
    """The list of all tenants; with a key of one, that one."""
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


def get_tenant_page(request: Request, caller: Caller) -> Response:
    """One tenant."""
    now = services_of(request).now()
    name: str = request.path_params["name"]
    check_reach(caller.dataset_group, name)
    report = reports_of(request).report(name, now)
    return shown(
        request,
        caller,
        "tenants/tenant.html",
        tenant=report,
        charts=_charts(report.days, now),
        is_operator=caller.dataset_group is None,
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a chart; the height is a share of the highest."""

    day: str
    value: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What was used on each of the last days, oldest first."""

    title: str
    unit: str
    bars: tuple[Bar, ...]

    @property
    def short(self) -> str:
        """The unit as it follows a number."""
        return " s" if self.unit.startswith("seconds") else ""

    @property
    def most(self) -> float:
        """The highest value."""
        return max((bar.value for bar in self.bars), default=0)


def _charts(days: tuple[UsageDay, ...], now: int) -> list[Chart]:
    used = {one.day: one for one in days}
    dates = [iso(now - back * DAY)[:_DATE] for back in reversed(range(REPORTED_DAYS))]
    charts = []
    for title, unit, field in (
        ("Requests a day", "requests", "requests"),
        ("Events a day", "events", "events"),
        ("Answer time a day", "seconds", "answer_seconds"),
        ("Training time a day", "seconds of processors", "training_seconds"),
    ):
        values = [float(getattr(used[day], field)) if day in used else 0.0 for day in dates]
        most = max(values) or 1.0
        bars = tuple(
            Bar(day, value, value / most) for day, value in zip(dates, values, strict=True)
        )
        charts.append(Chart(title, unit, bars))
    return charts


PAGES = (
    Link("Tenants", TENANTS),
    Route(TENANTS, guarded_for_tenants(get_tenants_page)),
    Route(f"{TENANTS}/{{name}}", guarded_for_tenants(get_tenant_page)),
)
